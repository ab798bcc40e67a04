package solve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
)

// silence notices that BuildKit's upload to a registry no longer moves. BuildKit waits for a registry without a limit, and its messages say
// that an upload has begun and that it has ended, and nothing between. So while one is under way and no message comes, the bytes are
// counted that the node's programs write. Whatever else they write counts as well: the upload is given up only once all work on the node
// rests, or waits in the same way.
type silence struct {
	node  Node
	limit func(sent int64) time.Duration // how long nothing may move after so many bytes

	mu      sync.Mutex
	open    map[string]bool // the uploads that have begun, by their statuses; false: they have ended
	pushed  int             // the manifests of images that have been pushed
	moved   time.Time       // when something last moved
	started int64           // the bytes when the first upload was seen; with the next, -1 if they are not known
	before  int64           // the bytes at the last look
}

// trickle is how many bytes a second an idle node may write: its connections are kept alive by small messages.
const trickle = 4 << 10

// watched is runSolve for a solve that sends to repositories, one after the other. It ends the solve with a [failure.SilentError] if a
// registry receives nothing more.
func (r *nodeRun) watched(
	ctx context.Context, to []reference.Named, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus),
) (*client.SolveResponse, error) {
	if len(to) == 0 || r.node.Sent == nil {
		return runSolve(ctx, r.node.Solver, opt, fn, see)
	}
	s := &silence{node: r.node, limit: r.env.Registry.Silence, open: map[string]bool{}, started: -1, before: -1, moved: time.Now()}
	ctx, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if silent := s.await(ctx); silent > 0 {
			end(&failure.SilentError{Repository: to[min(s.repository(), len(to)-1)].Name(), For: silent})
		}
	})
	resp, err := runSolve(ctx, r.node.Solver, opt, fn, func(msg *client.SolveStatus) {
		s.see(msg)
		see(msg)
	})
	silent, ended := errors.AsType[*failure.SilentError](context.Cause(ctx))
	end(nil)
	watching.Wait()
	if err != nil && ended {
		return nil, silent
	}
	return resp, err
}

// see processes a message of the solve.
func (s *silence) see(msg *client.SolveStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = time.Now()
	for _, status := range msg.Statuses {
		if !buildkitmsg.IsUpload(status.ID) {
			continue
		}
		s.open[status.ID] = status.Completed == nil
		if _, ok := buildkitmsg.PushesManifest(status.ID); ok && status.Completed != nil {
			s.pushed++
		}
	}
}

// repository returns which of its repositories the solve pushes to.
func (s *silence) repository() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushed
}

// notice is how soon an upload that has begun is noticed.
const notice = 2 * time.Second

// await waits until an upload has not moved for too long, and returns for how long; 0 if the context ends before.
func (s *silence) await(ctx context.Context) time.Duration {
	step := s.limit(0) / 4
	first := min(step, notice)
	next := time.NewTimer(first)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0
		case <-next.C:
		}
		if !s.uploading() {
			s.started, s.before = -1, -1
			next.Reset(first)
			continue
		}
		sent, err := s.node.Sent(ctx)
		if silent, limit := s.look(sent, err, step); silent >= limit && ctx.Err() == nil {
			return silent
		}
		next.Reset(step)
	}
}

func (s *silence) uploading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.open {
		if open {
			return true
		}
	}
	return false
}

// look processes the number of bytes that the node has written, a step after the last one, and returns how long nothing has moved and how
// long that may be. A number that is not known, or that has become smaller because a program has ended, does not say that nothing moves.
func (s *silence) look(sent int64, err error, step time.Duration) (silent, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := err == nil && s.before >= 0 && sent >= s.before && sent-s.before < int64(trickle*step.Seconds())
	if !idle {
		s.moved = time.Now()
	}
	if err != nil {
		sent = -1
	}
	if s.before = sent; s.started < 0 {
		s.started = sent
	}
	return time.Since(s.moved), s.limit(max(0, sent-s.started))
}
