package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/builder/link"
)

// connection is a build's connection to a pod, or to the one that the cluster has made in its place.
type connection struct {
	node
	link  *link.Link
	began time.Time // when BuildKit first answered

	mu       sync.Mutex
	pod      pod
	replaced int // how often BuildKit was another one than before
}

var _ builder.Returner = (*connection)(nil)

func (c *connection) current() pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pod
}

func (c *connection) name() string { return c.current().name() }

const (
	// lostAnswer is how long the API may take to answer.
	lostAnswer = 5 * time.Second
	// lostWait is how long it may take to know what became of a pod.
	lostWait = 2 * time.Second
	// lostPause is the time between two looks at it.
	lostPause = 100 * time.Millisecond
)

// lost returns why the connection broke.
func (c *connection) lost(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lostAnswer)
	defer cancel()
	was, known := c.current(), time.After(lostWait)
	for {
		var list struct{ Items []pod }
		err := c.Get(ctx, &list, "pods", "--field-selector", "metadata.name="+was.name())
		switch {
		case ctx.Err() != nil && c.link.Away():
			return fmt.Errorf("pod/%s: %w", was.name(), c.link.Why(ctx))
		case ctx.Err() != nil:
			return fmt.Errorf("pod/%s: the connection broke", was.name())
		case err != nil:
			return fmt.Errorf("pod/%s: the connection broke, and the cluster does not answer: %w", was.name(), err)
		case len(list.Items) == 0 || list.Items[0].Metadata.UID != was.Metadata.UID:
			return fmt.Errorf("pod/%s: the pod was deleted", was.name())
		}
		why, memory := list.Items[0].lost(was.buildkit().RestartCount)
		if memory {
			return fmt.Errorf("pod/%s: %w", was.name(), builder.ErrOutOfMemory)
		}
		if why != "" {
			return fmt.Errorf("pod/%s: %s", was.name(), why)
		}
		select {
		case <-time.After(lostPause):
		case <-known:
			return fmt.Errorf("pod/%s: %w", was.name(), c.unreached(was, c.link.Why(context.WithoutCancel(ctx))))
		}
	}
}

// unreached returns why a pod that looks well cannot be connected to.
func (c *connection) unreached(p pod, err error) error {
	if strings.Contains(err.Error(), "error dialing backend") { // the API server's words for a kubelet that it does not reach
		return fmt.Errorf("the kubelet of the cluster's node %s does not answer: %w", p.Spec.NodeName, err)
	}
	return err
}

// mostReplaced is how often a build goes on with another BuildKit than it had. One that ran out of memory may do so again.
const mostReplaced = 2

// Away implements [builder.Returner]. A cluster starts again, or replaces, what a build has lost.
func (c *connection) Away() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.replaced < mostReplaced
}

// returnPause is the time between two attempts to reach a pod.
const returnPause = time.Second

// Limit implements [builder.Returner].
func (c *connection) Limit() time.Duration { return c.link.Limit() }

// ID implements [builder.Returner].
func (c *connection) ID() string { return c.link.ID() }

// Return implements [builder.Returner]. It connects to the same pod if that is ready, as after a restart of the API server, and otherwise to
// another one of the workload. The error at the end of the limit is what the cluster says.
func (c *connection) Return(ctx context.Context) error {
	return c.link.Share(ctx, c.reach)
}

func (c *connection) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.Limit())
	defer cancel()
	for was := c.current(); ; {
		p, err := c.successor(ctx, was)
		if err != nil {
			return err
		}
		c.take(p)
		if err = c.link.Connect(ctx); err == nil {
			c.count(was, p)
			return nil
		}
		if pause(ctx, returnPause) != nil {
			return fmt.Errorf("pod/%s: %w", p.name(), c.unreached(p, err))
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take makes a pod the one that is dialled.
func (c *connection) take(p pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pod = p
}

// count notes that a build goes on.
func (c *connection) count(was, now pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was.Metadata.UID != now.Metadata.UID || was.buildkit().RestartCount != now.buildkit().RestartCount {
		c.replaced++
	}
}

// StoppedError means that somebody has stopped or removed a node during a build.
type StoppedError struct{ Workload, How string }

func (e *StoppedError) Error() string { return fmt.Sprintf("%s was %s meanwhile", e.Workload, e.How) }

// beginning is how long after its connection a build may find that the pod was already about to end: the cluster says so to BuildKit within
// that time.
const beginning = 10 * time.Second

// successor waits for a pod that a build can go on with: the one that it had, or another one of the workload. A cluster that does not answer
// is waited for. A node that was stopped is started again only if it was stopped as the build began.
func (c *connection) successor(ctx context.Context, was pod) (pod, error) {
	var have observed
	for {
		var err error
		if have, err = c.observe(ctx); err == nil {
			break
		}
		if perr := pause(ctx, returnPause); perr != nil {
			return pod{}, fmt.Errorf("the cluster does not answer: %w", err)
		}
	}
	switch {
	case !have.exists():
		return pod{}, &StoppedError{objects.Name(c.e), "removed"}
	case have.workload.replicas() > 0:
	case time.Since(c.began) > beginning:
		return pod{}, &StoppedError{have.workload.object(), "stopped"}
	default:
		if err := c.scale(ctx, have.workload, c.opt.Replicas); err != nil {
			return pod{}, err
		}
	}
	ready := have.ready()
	if len(ready) == 0 {
		var err error
		r := c.reconcilerOf(have.workload, func(string) {})
		r.opt.Patient, r.opt.Timeout = true, c.Limit() // another machine may be added, a container that has ended is started again
		if ready, err = r.await(ctx, ""); err != nil {
			return pod{}, err
		}
	}
	if i := slices.IndexFunc(ready, func(p pod) bool { return p.Metadata.UID == was.Metadata.UID }); i >= 0 {
		return ready[i], nil
	}
	return ready[0], nil
}
