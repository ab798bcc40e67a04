package solve

import (
	"context"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session/exporter"
	"github.com/moby/buildkit/session/exporter/exporterprovider"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// runSolve runs one solve, with fn as its frontend, and passes all of its messages to see. see has received the last one before runSolve
// returns.
func runSolve(
	ctx context.Context, s Solver, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus),
) (*client.SolveResponse, error) {
	status := make(chan *client.SolveStatus)
	var draining sync.WaitGroup
	draining.Go(func() {
		for msg := range status {
			see(msg)
		}
	})
	resp, err := s.Build(ctx, opt, "docker-multiarch", fn, status)
	draining.Wait()
	return resp, err
}

// recorded is a solve that BuildKit records in its history. The record is written to disk between the export and the answer, and nothing waits
// for it: BuildKit goes on to write when the client is gone.
type recorded struct {
	opened  chan gateway.Client
	answers chan answer // the first one counts
	unbind  func() bool // the solve does not end with the job any more; false if it has
	marks   vertexlog.Marks

	mu       sync.Mutex
	complete bool // nobody sees its messages any more
	see      func(*client.SolveStatus)
}

type answer struct {
	resp  *client.SolveResponse
	err   error
	early bool // the record is not written yet
}

// runRecorded is [runSolve] for a solve that BuildKit records. It returns when everything is exported, which BuildKit tells the solve's session;
// for the answer of a BuildKit that does not, it waits. The call ends with life, or with the connection. leave is called before it returns without
// having waited for the record, with the build's reference.
func runRecorded(
	ctx, life context.Context, s Solver, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus), leave func(ref string),
) (*client.SolveResponse, error) {
	solving, end := context.WithCancelCause(life)
	unbind := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	w := &recorded{see: see, opened: make(chan gateway.Client, 1), answers: make(chan answer, 2), unbind: unbind}
	opt.EnableSessionExporter, opt.Ref = true, identity.NewID()
	opt.Session = append(slices.Clone(opt.Session), exporterprovider.New(nothingMore, exporterprovider.WithFinalizeCallback(w.exported)))
	go func() {
		defer end(nil)
		defer unbind()
		resp, err := runSolve(solving, s, opt, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			w.opened <- gw
			return fn(ctx, gw)
		}, w.pass)
		w.answers <- answer{resp: resp, err: err}
	}()
	first := <-w.answers
	if first.early {
		leave(opt.Ref)
	}
	return first.resp, first.err
}

// nothingMore is the answer to BuildKit's question for more exports.
func nothingMore(context.Context, map[string][]byte, []string) ([]*exporter.ExporterRequest, error) {
	return nil, nil
}

// exported is called by BuildKit before it writes the record.
func (w *recorded) exported(ctx context.Context, response map[string]string) error {
	if w.marks.CatchUp(ctx, <-w.opened) != nil || !w.unbind() {
		return nil // the answer tells more
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.complete = true
	w.answers <- answer{resp: &client.SolveResponse{ExporterResponse: response}, early: true}
	return nil
}

func (w *recorded) pass(msg *client.SolveStatus) {
	seen := w.marks.Take(msg)
	w.mu.Lock()
	if !w.complete {
		w.see(msg)
	}
	w.mu.Unlock()
	seen()
}

// questions are the vertices of the preflight's own lookups in a solve's progress. They are not steps of the build, and a lookup that is
// answered with "not found" has succeeded.
type questions struct{ seen []digest.Digest }

// remove removes these vertices from a message.
func (q *questions) remove(msg *client.SolveStatus) {
	for _, v := range msg.Vertexes {
		if v.Name == baseimage.QuietVertex && !slices.Contains(q.seen, v.Digest) {
			q.seen = append(q.seen, v.Digest)
		}
	}
	if len(q.seen) > 0 {
		takeVertices(msg, func(d digest.Digest) bool { return slices.Contains(q.seen, d) })
	}
}

// lookups are the vertices of a common reading that name a platform, in the progress of the solve that reads: "[linux/arm64 internal] load
// metadata for X". They are that platform's, if it is one of the build, and get the names that they have in a reading for one platform.
type lookups struct {
	platforms []platform.Platform
	seen      map[digest.Digest]int // the indexes of those that are of the build
}

// take removes the lookups from a message, and returns them by the index of their platform. One that has failed is shown as cancelled, since
// the platforms then read alone, and fail again in their own solves.
func (l *lookups) take(msg *client.SolveStatus) map[int]*client.SolveStatus {
	for _, v := range msg.Vertexes {
		name, of := buildkitmsg.TrimPlatform(v.Name)
		if of != "" && !buildkitmsg.IsInternal(name) { // a relocated step
			continue
		}
		i := slices.IndexFunc(l.platforms, func(p platform.Platform) bool { return platform.Format(p) == of })
		if v.Name = name; i >= 0 {
			l.seen[v.Digest] = i
		} else {
			delete(l.seen, v.Digest) // a later reading, or a platform that only a stage has
		}
		if of != "" && v.Error != "" {
			v.Error = context.Canceled.Error()
		}
	}
	parts := map[int]*client.SolveStatus{}
	for i := range l.platforms {
		part := takeVertices(msg, func(d digest.Digest) bool { of, ok := l.seen[d]; return ok && of == i })
		if len(part.Vertexes)+len(part.Statuses)+len(part.Logs) > 0 {
			parts[i] = part
		}
	}
	return parts
}

// takeVertices removes all that a message says about some vertices, and returns it.
func takeVertices(msg *client.SolveStatus, these func(digest.Digest) bool) *client.SolveStatus {
	taken := &client.SolveStatus{}
	msg.Vertexes, taken.Vertexes = parted(msg.Vertexes, func(v *client.Vertex) bool { return these(v.Digest) })
	msg.Statuses, taken.Statuses = parted(msg.Statuses, func(v *client.VertexStatus) bool { return these(v.Vertex) })
	msg.Logs, taken.Logs = parted(msg.Logs, func(v *client.VertexLog) bool { return these(v.Vertex) })
	return taken
}

// parted returns what is not to be taken from a list, and what is.
func parted[E any](list []E, take func(E) bool) (rest, taken []E) {
	for _, e := range list {
		if take(e) {
			taken = append(taken, e)
		} else {
			rest = append(rest, e)
		}
	}
	return rest, taken
}
