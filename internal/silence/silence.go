// Package silence notices that BuildKit's upload to a registry no longer moves.
//
// BuildKit waits for a registry without a limit, and its messages say that an upload has begun and that it
// has ended, and nothing between. So while one is under way and no message comes, the bytes are counted that
// BuildKit writes. Whatever else it writes counts as well: the upload is given up only once its other work
// rests, or waits in the same way.
package silence

import (
	"context"
	"sync"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// Watch watches the uploads of one solve.
type Watch struct {
	sent  func(context.Context) (int64, error) // the bytes that BuildKit has written
	limit func(sent int64) time.Duration       // how long nothing may move after so many bytes

	mu      sync.Mutex
	open    map[string]bool // the uploads that have begun, by their statuses; false: they have ended
	pushed  int             // the manifests of images that have been pushed
	moved   time.Time       // when something last moved
	started int64           // the bytes when the first upload was seen; with the next, -1 if they are not known
	before  int64           // the bytes at the last look
}

// New returns a watch. sent returns the number of bytes that BuildKit has written, and limit how long nothing
// may move after so many bytes.
func New(sent func(context.Context) (int64, error), limit func(sent int64) time.Duration) *Watch {
	return &Watch{sent: sent, limit: limit, open: map[string]bool{}, started: -1, before: -1, moved: time.Now()}
}

// Trickle is how many bytes a second an idle node may write. Its connections are kept alive by small messages, and whoever lists builders
// makes it look for emulators, for which BuildKit writes 77 KiB of small programs, at most every 20 seconds.
const Trickle = 12 << 10

// See processes a message of the solve.
func (s *Watch) See(msg *client.SolveStatus) {
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

// Repository returns which of its repositories the solve pushes to.
func (s *Watch) Repository() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pushed
}

// notice is how soon an upload that has begun is noticed.
const notice = 2 * time.Second

// Await waits until an upload has not moved for too long, and returns for how long; 0 if the context ends before.
func (s *Watch) Await(ctx context.Context) time.Duration {
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
		sent, err := s.sent(ctx)
		if silent, limit := s.look(sent, err, step); silent >= limit && ctx.Err() == nil {
			return silent
		}
		next.Reset(step)
	}
}

func (s *Watch) uploading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, open := range s.open {
		if open {
			return true
		}
	}
	return false
}

// look processes the number of bytes that BuildKit has written, a step after the last one, and returns how long nothing has moved and how
// long that may be. A number that is not known, or that has become smaller because BuildKit was started again, does not say that nothing
// moves.
func (s *Watch) look(sent int64, err error, step time.Duration) (silent, limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := err == nil && s.before >= 0 && sent >= s.before && sent-s.before < int64(Trickle*step.Seconds())
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
