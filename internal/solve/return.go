package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// returned waits until the node of a job can be reached again, and returns the run with which its jobs go on there. lost is why the node was
// lost; it is also the error if the node cannot return.
func (f *fleet) returned(j job, lost error) (*nodeRun, error) {
	r := j.nodeRun
	r.next.once.Do(func() { r.next.run, r.next.err = f.await(r, lost) })
	if r.next.err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all[f.index(r)].Down = nil
	}
	return r.next.run, r.next.err
}

// index returns the position of the run's node.
func (f *fleet) index(r *nodeRun) int {
	return slices.IndexFunc(f.env.Nodes, func(n Node) bool { return n.Name == r.node.Name })
}

// await is for all jobs of the node, so it does not end with one of them.
func (f *fleet) await(r *nodeRun, lost error) (*nodeRun, error) {
	if r.node.Return == nil || !r.node.Return.Away() {
		return nil, lost
	}
	left, done := f.unfinished(r)
	goOn := strings.Join(platform.FormatAll(left), ", ")
	f.env.Progress.Note(diag.Warningf("%v; trying for %s to reach it again, to go on with %s there%s", lost, r.node.Return.Limit(), goOn, done))
	err := r.node.Return.Return(f.ctx)
	switch {
	case f.ctx.Err() != nil:
		return nil, lost
	case err != nil:
		return nil, &failure.LostNodeError{Node: r.node.Name, Err: fmt.Errorf("%w; %w%s", lost, err, done)}
	}
	run, err := f.again(r)
	switch {
	case err != nil:
		return nil, err
	case run.daemon == r.daemon:
		f.env.Progress.Note(diag.Notef("node %q answers again; going on with %s: finished steps are in its cache, and one that was running begins again",
			r.node.Name, goOn))
	default:
		f.env.Progress.Note(diag.Warningf("node %q answers again, but its cache is lost; building %s from the first step on", r.node.Name, goOn))
	}
	return run, nil
}

// unfinished returns the targets of a node that have no outcome yet, and says which targets of the build are done.
func (f *fleet) unfinished(r *nodeRun) (left []platform.Platform, done string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var made []platform.Platform
	for i, target := range f.targets {
		switch image, ended := f.ended[i]; {
		case image:
			made = append(made, target)
		case !ended && slices.Contains(r.own, i):
			left = append(left, target)
		}
	}
	if len(made) > 0 {
		done = "; done: " + strings.Join(platform.FormatAll(made), ", ")
	}
	return left, done
}

// again returns another run of a node, for the jobs that have not ended. It has sessions of its own.
func (f *fleet) again(r *nodeRun) (*nodeRun, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.index(r)
	f.runs[k] = nil
	run, err := f.open(k)
	if err != nil {
		return nil, err
	}
	its := *run
	if its.node.ID = r.node.ID; its.daemon != r.daemon {
		its.node.ID = "" // it has pushed nothing
	}
	for _, i := range r.own {
		if _, ended := f.ended[i]; !ended {
			its.own = append(its.own, i)
		}
	}
	on := f.building(&its)
	f.moved = append(f.moved, on)
	return on, nil
}

// left notes that a job has ended. Runs that were to go on with it need not wait for it.
func (f *fleet) left(j job, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended[j.index] = err == nil
	for _, r := range f.moved {
		if n := slices.Index(r.own, j.index); n >= 0 && r != j.nodeRun {
			r.holder.Drop(n)
		}
	}
}
