package crosscompile

import (
	"context"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

// Natives tracks the steps of a build's platforms that run natively. If a failed relocated step fails in the same way there, relocation is
// not the cause. The zero value is ready to use; nil is for solves that do not build a platform.
type Natives struct {
	mu      sync.Mutex
	solves  map[int]*native
	changed chan struct{} // closed by the next message
}

// native is the solve of one platform, by its index in the plan.
type native struct {
	steps map[written]digest.Digest // nil until they are known
	ended map[digest.Digest]string  // the error of a step that has ended; "" means no error
	over  bool
}

// written is the place of a step in a Dockerfile, and its text.
type written struct {
	file string
	line int
	text string
}

func writtenAt(s graph.Step) written { return written{s.File, s.Line, s.Instruction()} }

// update changes the state of a solve.
func (n *Natives) update(index int, change func(*native)) {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.solves == nil {
		n.solves = map[int]*native{}
	}
	if n.solves[index] == nil {
		n.solves[index] = &native{ended: map[digest.Digest]string{}}
	}
	change(n.solves[index])
	if n.changed != nil {
		close(n.changed)
		n.changed = nil
	}
}

// Begins sets the graph of a platform's solve.
func (n *Natives) Begins(index int, g graph.Graph) {
	steps := map[written]digest.Digest{}
	for _, s := range g.Steps {
		steps[writtenAt(s)] = s.Digest
	}
	n.update(index, func(of *native) { of.steps = steps })
}

// Add processes a message about a platform.
func (n *Natives) Add(index int, msg *client.SolveStatus) {
	ended := map[digest.Digest]string{}
	for _, v := range msg.Vertexes {
		if v.Completed != nil && !buildkitmsg.IsCanceled(v.Error) {
			ended[v.Digest] = v.Error
		}
	}
	if len(ended) > 0 {
		n.update(index, func(of *native) {
			for d, err := range ended {
				of.ended[d] = err
			}
		})
	}
}

// Ends marks that no more messages about a platform will come.
func (n *Natives) Ends(index int) { n.update(index, func(of *native) { of.over = true }) }

// fails waits until a step has failed on one of the native platforms with this error, or can no longer fail. It returns false when ctx
// ends.
func (n *Natives) fails(ctx context.Context, native []int, s graph.Step, err string) bool {
	for {
		n.mu.Lock()
		failed, open := n.state(native, writtenAt(s), err)
		if n.changed == nil {
			n.changed = make(chan struct{})
		}
		changed := n.changed
		n.mu.Unlock()
		if failed || !open {
			return failed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// state reports whether a step has failed with this error, and otherwise whether it still may.
func (n *Natives) state(native []int, at written, err string) (failed, open bool) {
	for _, i := range native {
		of := n.solves[i]
		if of == nil || of.steps == nil {
			open = open || of == nil || !of.over
			continue
		}
		d, has := of.steps[at]
		if !has {
			continue
		}
		found, ended := of.ended[d]
		if again, anew := of.ended[vertexlog.Uncached(d)]; anew {
			found, ended = again, true
		}
		if ended && found != "" && alike(found, err) {
			return true, false
		}
		open = open || !ended && !of.over
	}
	return false, open
}

// alike reports whether a step's errors on two platforms are the same. The words of its command may differ, if a recipe has changed them.
func alike(a, b string) bool {
	if code := buildkitmsg.ExitCode(a); code != "" {
		return code == buildkitmsg.ExitCode(b)
	}
	return a == b
}
