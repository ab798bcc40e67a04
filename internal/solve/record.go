package solve

import (
	"context"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session/exporter"
	"github.com/moby/buildkit/session/exporter/exporterprovider"

	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

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
	resp *client.SolveResponse
	err  error
}

// runRecorded is [runSolve] for a solve that BuildKit records. It returns when everything is exported, which BuildKit tells the solve's session;
// for the answer of a BuildKit that does not, it waits. The call ends with life, or with the connection.
func runRecorded(
	ctx, life context.Context, s Solver, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus),
) (*client.SolveResponse, error) {
	solving, end := context.WithCancelCause(life)
	unbind := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	w := &recorded{see: see, opened: make(chan gateway.Client, 1), answers: make(chan answer, 2), unbind: unbind}
	opt.EnableSessionExporter = true
	opt.Session = append(slices.Clone(opt.Session), exporterprovider.New(nothingMore, exporterprovider.WithFinalizeCallback(w.exported)))
	go func() {
		defer end(nil)
		defer unbind()
		resp, err := runSolve(solving, s, opt, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			w.opened <- gw
			return fn(ctx, gw)
		}, w.pass)
		w.answers <- answer{resp, err}
	}()
	first := <-w.answers
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
	w.answers <- answer{resp: &client.SolveResponse{ExporterResponse: response}}
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
