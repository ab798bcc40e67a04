package solve

import (
	"context"
	"regexp"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
)

// natives know what becomes of the steps of a build's platforms that run natively: a step that was moved and has failed has not failed
// because of that if it fails there alike. The zero value is ready; nil is for solves that are no platform's build.
type natives struct {
	mu     sync.Mutex
	solves map[int]*native
	heard  chan struct{} // is closed with the next message
}

// native is the solve of one platform, by its index in the plan.
type native struct {
	steps map[written]digest.Digest // nil until they are known
	ended map[digest.Digest]string  // the error of a step that has ended; "" is none
	over  bool
}

// written is where a step stands in a Dockerfile, and what is written there.
type written struct {
	file string
	line int
	text string
}

func writtenAt(s graph.Step) written { return written{s.File, s.Line, s.Instruction()} }

// tell changes what is known of a solve.
func (n *natives) tell(index int, change func(*native)) {
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
	if n.heard != nil {
		close(n.heard)
		n.heard = nil
	}
}

func (n *natives) begins(index int, g graph.Graph) {
	steps := map[written]digest.Digest{}
	for _, s := range g.Steps {
		steps[writtenAt(s)] = s.Digest
	}
	n.tell(index, func(of *native) { of.steps = steps })
}

func (n *natives) see(index int, msg *client.SolveStatus) {
	ended := map[digest.Digest]string{}
	for _, v := range msg.Vertexes {
		if v.Completed != nil && !stopped(v.Error) {
			ended[v.Digest] = v.Error
		}
	}
	if len(ended) > 0 {
		n.tell(index, func(of *native) {
			for d, err := range ended {
				of.ended[d] = err
			}
		})
	}
}

func (n *natives) ends(index int) { n.tell(index, func(of *native) { of.over = true }) }

// failed waits until a step has failed on a native platform with this error, or cannot any more; with the end of ctx it is false.
func (n *natives) failed(ctx context.Context, plan plan.Plan, s graph.Step, err string) bool {
	for {
		n.mu.Lock()
		failed, open := n.ask(plan, writtenAt(s), err)
		if n.heard == nil {
			n.heard = make(chan struct{})
		}
		heard := n.heard
		n.mu.Unlock()
		if failed || !open {
			return failed
		}
		select {
		case <-heard:
		case <-ctx.Done():
			return false
		}
	}
}

// ask tells whether a step has failed with this error, and if not, whether it still may.
func (n *natives) ask(planned plan.Plan, at written, err string) (failed, open bool) {
	for i, job := range planned.Jobs {
		if job.Mode != plan.Native {
			continue
		}
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
		if again, anew := of.ended[uncached(d)]; anew {
			found, ended = again, true
		}
		if ended && found != "" && alike(found, err) {
			return true, false
		}
		open = open || !ended && !of.over
	}
	return false, open
}

var exitCode = regexp.MustCompile(`exit code: \d+`)

// alike tells whether a step's errors on two platforms say the same. The words of its command may differ, where a recipe has changed them.
func alike(a, b string) bool {
	if code := exitCode.FindString(a); code != "" {
		return code == exitCode.FindString(b)
	}
	return a == b
}

// patience is how long a platform's second build, which takes many times longer, waits at least for what a native one is about to tell.
const patience = time.Second

// failsNatively tells whether a step that was moved fails on the node's own platform, too.
func (j job) failsNatively(ctx context.Context, plan plan.Plan, step graph.Step, c *clock) bool {
	failed := c.failure(step.Digest)
	ctx, cancel := context.WithTimeout(ctx, max(patience, failed.took))
	defer cancel()
	return j.natives.failed(ctx, plan, step, failed.err)
}
