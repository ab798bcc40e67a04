package buildkittest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// job is a running solve.
type job struct {
	*Solve
	builder *Builder
	status  chan *client.SolveStatus

	warning sync.RWMutex // locked for writing when the solve ends, so that no call of a session sends afterwards
	ended   bool
}

// work is a step that ran, or runs, for the jobs that hold it.
type work struct {
	begun   bool
	holders map[*job]bool
	done    chan struct{}
	err     error
}

func newWork() *work { return &work{holders: map[*job]bool{}, done: make(chan struct{})} }

// once runs a step unless a job that still holds it, or the cache, has it.
func (j *job) once(ctx context.Context, s graph.Step, run func() error) error {
	b := j.builder
	b.mu.Lock()
	w, ok := b.work[s.Digest]
	if !ok || s.IgnoreCache && len(w.holders) == 0 { // its result is for others, not for this solve
		w = newWork()
		b.work[s.Digest] = w
	}
	begun := w.begun
	w.begun, w.holders[j] = true, true
	b.mu.Unlock()
	if begun {
		select {
		case <-w.done:
			j.tell(s, true, w.err)
			return w.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	w.err = run()
	j.tell(s, false, w.err) // before any other job can go on with the result
	close(w.done)
	return w.err
}

// release releases everything that the job holds. Failed steps without another holder are forgotten; the rest is in the cache.
func (j *job) release() {
	j.warning.Lock()
	j.ended = true
	j.warning.Unlock()
	b := j.builder
	b.mu.Lock()
	defer b.mu.Unlock()
	for d, w := range b.work {
		delete(w.holders, j)
		if len(w.holders) == 0 && w.err != nil {
			delete(b.work, d)
		}
	}
}

// Collect removes the results that no job holds, as BuildKit's garbage collection may do at any time.
func (b *Builder) Collect() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for d, w := range b.work {
		if len(w.holders) == 0 {
			delete(b.work, d)
		}
	}
}

func (j *job) tell(s graph.Step, cached bool, err error) {
	began := time.Now()
	ended := began
	if j.builder.Took != nil {
		ended = began.Add(j.builder.Took(j.Platform, s.Name))
	}
	v := &client.Vertex{Digest: s.Digest, Name: s.Name, Inputs: append([]digest.Digest(nil), s.Inputs...), Started: &began, Completed: &ended, Cached: cached}
	if err != nil {
		v.Error = err.Error()
	}
	if j.builder.Says != nil {
		said := j.builder.Says(j.Platform, s.Name)
		for part := range slices.Chunk([]byte(said), 10) { // BuildKit's messages end anywhere
			j.status <- &client.SolveStatus{Logs: []*client.VertexLog{{Vertex: s.Digest, Stream: 2, Data: part}}}
		}
	}
	j.status <- &client.SolveStatus{Vertexes: []*client.Vertex{v}}
}

func (j *job) note(change func(*Solve)) {
	j.builder.mu.Lock()
	defer j.builder.mu.Unlock()
	change(j.Solve)
}
