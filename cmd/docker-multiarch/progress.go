package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/build"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// progress shows the solves of all platforms as one: each step says its platform, and a step that several platforms share is
// shown once. It implements build.Progress.
type progress struct {
	out   io.Writer
	quiet bool
	ch    chan *client.SolveStatus
	done  chan error

	sending sync.RWMutex // held for writing while the channel is closed
	closed  bool

	mu     sync.Mutex
	shared map[digest.Digest]int // in how many platforms' graphs a step is
	owners map[digest.Digest]string
	names  map[digest.Digest]string
	ended  map[digest.Digest]bool
}

// newProgress starts a display of the given mode on out. Close it.
func newProgress(ctx context.Context, out io.Writer, mode progressui.DisplayMode, title string) (*progress, error) {
	display, err := progressui.NewDisplay(out, mode, progressui.WithDesc(title, title))
	if err != nil {
		return nil, err
	}
	p := &progress{
		out: out, quiet: mode == progressui.QuietMode,
		ch: make(chan *client.SolveStatus), done: make(chan error, 1),
		owners: map[digest.Digest]string{}, names: map[digest.Digest]string{}, ended: map[digest.Digest]bool{},
	}
	go func() {
		// It ends when the channel is closed: what the solves say after Ctrl-C is shown too.
		_, err := display.UpdateFrom(context.WithoutCancel(ctx), p.ch)
		p.done <- err
	}()
	return p, nil
}

// Close waits until everything is shown. What is said after it is not heard: a registry may answer late.
func (p *progress) Close() error {
	p.sending.Lock()
	if !p.closed {
		p.closed = true
		close(p.ch)
	}
	p.sending.Unlock()
	return <-p.done
}

func (p *progress) send(s *client.SolveStatus) {
	p.sending.RLock()
	defer p.sending.RUnlock()
	if !p.closed {
		p.ch <- s
	}
}

// Note implements build.Progress: a line of its own among the steps, so that a terminal's display stays whole. A quiet display
// still says where the result is going and what is to be warned of.
func (p *progress) Note(line string) {
	if p.quiet && (strings.HasPrefix(line, "warning: ") || strings.HasPrefix(line, destinationNote)) {
		_, _ = fmt.Fprintln(p.out, line) // a lost warning is no reason to fail
	}
	now := time.Now()
	p.send(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: digest.FromString(line), Name: line, Started: &now, Completed: &now}}})
}

// Cleared implements build.Progress.
func (p *progress) Cleared(plan build.Plan) {
	p.mu.Lock()
	p.shared = maps.Clone(plan.Shared)
	p.mu.Unlock()
}

// Status implements build.Progress.
func (p *progress) Status(pl platform.Platform, s *client.SolveStatus) {
	if s == nil {
		p.passTheWord(platform.Format(pl))
		return
	}
	p.send(p.relabel(platform.Format(pl), s))
}

// relabel gives one platform's message the shape that it has among the others. Every solve reports the steps that it shares with
// others, so only the first one that speaks of such a step is heard; a step of one platform only gets a digest of its own, since
// some of BuildKit's ("exporting to image") are the same in every solve.
func (p *progress) relabel(name string, in *client.SolveStatus) *client.SolveStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &client.SolveStatus{}
	for _, v := range in.Vertexes {
		if !p.heard(name, v.Digest, v.Name) {
			continue
		}
		if v.Completed != nil {
			p.ended[v.Digest] = true
		}
		w := *v
		w.Digest = p.digest(name, v.Digest)
		w.Name = p.label(name, v)
		w.Inputs = make([]digest.Digest, len(v.Inputs))
		for i, d := range v.Inputs {
			w.Inputs[i] = p.digest(name, d)
		}
		out.Vertexes = append(out.Vertexes, &w)
	}
	for _, v := range in.Statuses {
		if p.heard(name, v.Vertex, "") {
			w := *v
			w.Vertex = p.digest(name, v.Vertex)
			out.Statuses = append(out.Statuses, &w)
		}
	}
	for _, v := range in.Logs {
		if p.heard(name, v.Vertex, "") {
			w := *v
			w.Vertex = p.digest(name, v.Vertex)
			out.Logs = append(out.Logs, &w)
		}
	}
	for _, v := range in.Warnings {
		if p.heard(name, v.Vertex, "") {
			w := *v
			w.Vertex = p.digest(name, v.Vertex)
			out.Warnings = append(out.Warnings, &w)
		}
	}
	return out
}

// isShared: steps in several graphs, and the requests for the context and the Dockerfile, which all platforms make alike.
func (p *progress) isShared(d digest.Digest) bool {
	return p.shared[d] > 1 || isContextRequest(p.names[d])
}

func isContextRequest(name string) bool {
	return strings.HasPrefix(name, "[internal] load build definition") || strings.HasPrefix(name, "[internal] load .dockerignore") ||
		strings.HasPrefix(name, "[internal] load build context")
}

// heard tells whether this platform is the one that speaks for the step. The first to speak keeps the word.
func (p *progress) heard(platform string, d digest.Digest, name string) bool {
	if name != "" {
		p.names[d] = name
	}
	if !p.isShared(d) {
		return true
	}
	if owner, ok := p.owners[d]; ok {
		return owner == platform
	}
	p.owners[d] = platform
	return true
}

func (p *progress) digest(platform string, d digest.Digest) digest.Digest {
	if p.isShared(d) {
		return d
	}
	return digest.FromString(platform + "\x00" + d.String())
}

// label puts the platform into the brackets that BuildKit starts a step's name with: "[linux/arm64 2/3] RUN …".
func (p *progress) label(platform string, v *client.Vertex) string {
	who := platform
	if p.isShared(v.Digest) {
		who = "shared"
	}
	if rest, ok := strings.CutPrefix(v.Name, "["); ok {
		return "[" + who + " " + rest
	}
	return "[" + who + "] " + v.Name
}

// passTheWord lets others speak for the unfinished steps that a platform whose solve has ended spoke for.
func (p *progress) passTheWord(platform string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range slices.Collect(maps.Keys(p.owners)) {
		if p.owners[d] == platform && !p.ended[d] {
			delete(p.owners, d)
		}
	}
}
