package solve

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/placements"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// placed is where a target is built: the index of its node, and what the plan says about another node that would build it.
type placed struct {
	node    int
	instead string
}

// place gives each target a node, before anything is sent, and says so if there is a choice. Nodes are probed only if a target is native to
// none as far as BuildKit reports, and asked for their running builds only if several are equally good. The jobs of a node that cannot be
// probed report that later.
func (t task) place(ctx context.Context, all []plan.Candidate, probes []probe) ([]placed, error) {
	alone := len(all) == 1
	if !alone && !plan.Settled(all, t.targets) {
		ask(len(probes), func(k int) { all[k].Status, _ = probes[k](ctx) })
	}
	if rivals := plan.Rivals(all, t.targets); len(rivals) > 0 {
		last := t.placements().Last()
		for k, c := range all {
			all[k].Built = last.Of(placementKey(c.Name, c.Address), t.targets)
		}
		ask(len(rivals), func(k int) {
			c := &all[rivals[k]]
			c.Running = t.env.Nodes[rivals[k]].running(ctx, len(c.Built) > 0)
		})
	}
	places, err := plan.Assign(all, t.targets, t.req.Fallback)
	if err != nil {
		return nil, err
	}
	on := make([]placed, len(places))
	for i, p := range places {
		on[i] = placed{node: p.Node, instead: insteadText(all, p)}
	}
	if !alone {
		t.notePlaces(all, places)
	}
	return on, nil
}

// recording is how long BuildKit takes to write the record of a build that has ended, for which a client does not wait.
const recording = 200 * time.Millisecond

const (
	recordingAtMost = time.Second           // for a context to be sent anew is no worse
	recordingPause  = 10 * time.Millisecond // between questions
)

// running counts the node's builds. A node that does not say counts as idle; its solves report what is wrong with it. One that has the context's
// cache and looks busy is asked again, since it may only write a record.
func (n Node) running(ctx context.Context, cached bool) int {
	if n.Running == nil {
		return 0
	}
	count, _ := n.Running(ctx)
	if count == 0 || !cached {
		return count
	}
	_ = manifest.Sleep(ctx, recording)
	count, _ = n.Running(ctx)
	return count
}

// awaitLast waits until BuildKit has written the record of the last build of the context on a node, if that has ended a moment ago. BuildKit keeps
// the context's last state for that build until then, and another one would have to send all of it.
func (t task) awaitLast(ctx context.Context, n Node) {
	ref := t.placements().Left(placementKey(n.Name, n.Address))
	if ref == "" || n.Recording == nil || len(t.req.Source.Dirs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recordingAtMost)
	defer cancel()
	for ctx.Err() == nil {
		if still, err := n.Recording(ctx, ref); err != nil || !still {
			return
		}
		_ = manifest.Sleep(ctx, recordingPause)
	}
}

// placements has the nodes that have built the context before.
func (t task) placements() placements.Memory {
	return placements.Memory{Dir: t.env.Placements, Project: t.req.Source.Project(t.env.Client)}
}

// placementKey identifies a node among all nodes that may have built a context.
func placementKey(name, address string) string { return name + "\n" + address }

// probe asks a node which platforms it runs besides its own: once, for all targets, with the context of the first call.
type probe func(context.Context) (emulation.Status, error)

func (n Node) prober(targets []platform.Platform) probe {
	var once sync.Once
	var status emulation.Status
	var err error
	return func(ctx context.Context) (emulation.Status, error) {
		once.Do(func() { status, err = n.Probe(ctx, targets...) })
		return status, err
	}
}

// candidates returns the nodes as the plan needs them, those that are down last.
func (t task) candidates() (all []plan.Candidate) {
	for _, n := range t.env.Nodes {
		all = append(all, plan.Candidate{Node: n.Node, Address: n.Address, Installs: n.Install != nil})
	}
	return append(all, t.env.Down...)
}

// ask asks n nodes at the same time.
func ask(n int, one func(int)) {
	var asking sync.WaitGroup
	for k := range n {
		asking.Go(func() { one(k) })
	}
	asking.Wait()
}

// insteadText says which nodes would build a target, and why they do not.
func insteadText(all []plan.Candidate, p plan.Place) string {
	var texts []string
	for _, k := range p.Instead {
		texts = append(texts, fmt.Sprintf("%s cannot be used: %v", plan.NodeText(all[k].Name, all[k].Address), all[k].Down))
	}
	return strings.Join(texts, "; ")
}

// notePlaces notes where the targets are built, and everything about it that the user may not expect.
func (t task) notePlaces(all []plan.Candidate, places []plan.Place) {
	note := t.env.Progress.Note
	var list []string
	for i, p := range places {
		list = append(list, fmt.Sprintf("%s on node %q", platform.Format(t.targets[i]), all[p.Node].Name))
	}
	note(diag.Notef("building %s", strings.Join(list, ", ")))
	for i, p := range places {
		name, c := platform.Format(t.targets[i]), all[p.Node]
		switch {
		case len(p.Instead) > 0:
			note(diag.Warningf("%s is built on node %q instead: %s", name, c.Name, insteadText(all, p)))
		case !platform.Contains(c.Preferred, t.targets[i]) && !c.RunsNatively(t.targets[i], c.Status):
			note(diag.Notef("no node is native to %s, so node %q emulates what runs for it", name, c.Name))
		}
	}
	for k, c := range all {
		spared := func(p plan.Place) bool { return slices.Contains(p.Instead, k) }
		if c.Down != nil && !slices.ContainsFunc(places, spared) {
			note(diag.Warningf("%s is not used: %v", plan.NodeText(c.Name, c.Address), c.Down))
		}
	}
}
