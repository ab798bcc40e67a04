package connect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/podtest"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// unneededWait is how long a node is waited for that has not answered when the others suffice. It could only take a share of their work.
const unneededWait = time.Second

// connectBuilder makes those nodes of a build's builder ready that may get one of its platforms, and connects to them.
func connectBuilder(ctx context.Context, w *cli.Env, opt cli.ConnectOptions) (*cli.Connection, error) {
	b, spec, err := w.Spec(ctx, opt)
	if err != nil {
		return nil, err
	}
	endpoints := needed(b.Nodes, opt.Targets)
	if spec.Permit = opt.Permit; len(endpoints) == 1 {
		spec.Probe = opt.Probe
	}
	opening := builder.Opening{
		Drivers: w.Drivers, Endpoints: endpoints, Want: spec, Report: opt.Note.Say, Patience: unneededWait,
		Judge: func(all []builder.Outcome) (bool, error) { return judge(all, opt) },
	}
	outcomes, err := builder.Open(ctx, opening)
	if err != nil && b.DefinedBy == cli.BuildKitVariable {
		err = fmt.Errorf("%s: %w", b.DefinedBy, err)
	}
	if err != nil {
		return nil, err
	}
	c := &cli.Connection{Env: solve.Env{
		Auth: w.Logins().ForBuilder(opt.Note.Say), TokenError: w.Logins().TokenError, Client: cli.ClientName(),
	}}
	for _, e := range b.Nodes {
		c.Env.NodeNames = append(c.Env.NodeNames, namesOf(e, outcomes)...)
	}
	probeAhead(ctx, outcomes, opt)
	clusters := &podtest.Clusters{Login: w.Logins().ForPods(opt.Note.Say)}
	for _, o := range outcomes {
		if o.Node == nil {
			c.Env.Down = append(c.Env.Down, candidate(o))
			continue
		}
		for _, n := range append([]*builder.Node{o.Node}, o.Node.More...) {
			c.Nodes, c.Env.Nodes = append(c.Nodes, n), append(c.Env.Nodes, solveNode(n, clusters, opt))
		}
		o.Node.More = nil // each is closed by itself
	}
	c.Close = attend(ctx, c.Nodes, opt.Note)
	return c, nil
}

// namesOf returns the names of the BuildKits of an endpoint, as far as it was opened.
func namesOf(e builder.Endpoint, outcomes []builder.Outcome) []string {
	for _, o := range outcomes {
		if o.Endpoint.Index != e.Index || o.Node == nil {
			continue
		}
		names := []string{o.Node.Endpoint.Name()}
		for _, n := range o.Node.More {
			names = append(names, n.Endpoint.Name())
		}
		slices.Sort(names)
		return names
	}
	return []string{e.Name()}
}

// needed returns the endpoints of a builder that may get one of the targets.
func needed(endpoints []builder.Endpoint, targets []platform.Platform) (some []builder.Endpoint) {
	given := make([][]platform.Platform, len(endpoints))
	for i, e := range endpoints {
		given[i] = e.Platforms
	}
	for _, i := range plan.Needed(given, targets) {
		some = append(some, endpoints[i])
	}
	return some
}

// judge returns an error as soon as the build cannot do without a node that cannot be used, and reports whether the nodes that are open
// suffice. The error of a builder's only node is the driver's own.
func judge(outcomes []builder.Outcome, opt cli.ConnectOptions) (enough bool, err error) {
	if len(outcomes) == 1 {
		return false, outcomes[0].Err
	}
	var known, pending, up []plan.Candidate
	for _, o := range outcomes {
		switch c := candidate(o); {
		case o.Node != nil:
			known, up = append(known, c), append(up, c)
		case o.Err != nil:
			known = append(known, c)
		default:
			pending = append(pending, c)
		}
	}
	targets := opt.Targets
	if first := outcomes[0]; len(targets) == 0 {
		switch {
		case first.Node != nil:
			targets = first.Node.Platforms[:1]
		case first.Err != nil && (!opt.Fallback || len(known) == len(outcomes) && len(up) == 0):
			down := plan.DownNode{Name: first.Endpoint.Name(), Address: first.Endpoint.Address, Err: first.Endpoint.Cause(first.Err)}
			return false, &plan.DownError{Nodes: []plan.DownNode{down}, All: len(up)+len(pending) == 0}
		default:
			return false, nil
		}
	}
	return plan.Settled(up, targets), plan.Lost(known, pending, targets, opt.Fallback)
}

// probeAhead begins to probe those of several nodes that may have to run programs of other platforms. Which nodes these are is known only
// when all have answered.
func probeAhead(ctx context.Context, outcomes []builder.Outcome, opt cli.ConnectOptions) {
	if len(outcomes) == 1 {
		return
	}
	all := make([]plan.Candidate, len(outcomes))
	for i, o := range outcomes {
		all[i] = candidate(o)
	}
	for _, k := range plan.ToProbe(all, opt.Targets) {
		outcomes[k].Node.ProbeAhead(ctx, opt.Probe)
	}
}

// candidate returns the outcome of an endpoint as a plan needs it.
func candidate(o builder.Outcome) plan.Candidate {
	c := plan.Candidate{Node: plan.Node{Name: o.Endpoint.Name(), Preferred: o.Endpoint.Platforms}, Address: o.Endpoint.Address, Down: o.Endpoint.Cause(o.Err)}
	if o.Node != nil {
		c.Platforms = o.Node.Platforms
	}
	return c
}

// attend shows the nodes' warnings and watches their disks until the connection is closed.
func attend(ctx context.Context, nodes []*builder.Node, note diag.Notes) (closed func()) {
	var ends []func() diag.Diagnostic
	for _, n := range nodes {
		for _, warning := range n.Warnings {
			note(diag.Warningf("%s", warning))
		}
		ends = append(ends, watchDisk(ctx, n.Endpoint, n.Disk, diskLookAfter))
	}
	return func() {
		for i, n := range nodes {
			if warning := ends[i](); warning.Found() {
				note(warning)
			}
			_ = n.Close()
		}
	}
}

// solveNode returns a node as package solve uses it.
func solveNode(n *builder.Node, clusters *podtest.Clusters, opt cli.ConnectOptions) solve.Node {
	node := solve.Node{
		Node: plan.Node{Name: n.Endpoint.Name(), Platforms: n.Platforms, Preferred: n.Endpoint.Platforms, CPUs: n.CPUs},
		ID:   n.ID, Address: n.Endpoint.Address, Solver: solver{n.Client}, Blobs: builder.NewBlobs(n.Client), Layers: n.Resumed(),
		OnHost: n.OnHost, HostChosen: n.HostChosen, LocalImages: n.LocalImages, Near: n.Near, RoundTrip: n.RoundTrip, Caches: n.Caches, Probe: n.Probe,
		Running: n.Running, Recording: n.Recording, Why: n.Why, Return: n.Return,
	}
	if n.Endpoint.Address != "" {
		node.Builder = n.Endpoint.Builder
	}
	if n.Endpoint.Driver == kubernetes.DriverName {
		node.Cluster = clusters.Opener(n.Endpoint, func(p platform.Platform) bool { return !node.Foreign(p) })
	}
	if n.Shell != nil {
		node.Sent = n.Sent
	}
	if n.Engine != nil {
		node.Engine = n.Engine.Engine
		node.Container, node.ContainerImage, node.BlobsFolder = n.Engine.Container, n.Engine.ImageID, n.Engine.Blobs
		node.Install = func(ctx context.Context, now *emulation.Status, ps []platform.Platform) error {
			return installEmulators(ctx, n.Engine.Images, opt.Note, emulation.InstallOptions{
				Probe: n.Probe, Status: now, Platforms: ps, HelperImage: n.Engine.Helper(ctx), Report: opt.Note.Say, Kernel: opt.Containers,
			})
		}
	}
	return node
}
