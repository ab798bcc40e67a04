package emulators

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// node is a node of the builder that a command is about.
type node struct {
	builder.Endpoint
	several bool           // its builder is defined by a file, and may have several nodes
	engine  *engine.Engine // nil: its driver knows none
	err     error          // why the engine cannot be asked
	open    *builder.Node  // the connection to it, if there is one already; its owner closes it
}

// name is the node's name in tables; "" for a builder on the engine of the current context.
func (n node) name() string {
	if !n.several {
		return ""
	}
	return n.Name()
}

// named returns an error with the name and the address of the node.
func (n node) named(err error) error {
	if !n.several {
		return err
	}
	return n.Named(err)
}

// nodesOf returns the nodes of the builder that --builder names, else of the builder in use.
func nodesOf(ctx context.Context, w *cli.Env, flag string) ([]node, error) {
	name, err := w.BuilderFor(flag)
	if err != nil {
		return nil, err
	}
	b, err := w.Builder(ctx, name)
	if err != nil {
		return nil, err
	}
	nodes := make([]node, len(b.Nodes))
	for i, e := range b.Nodes {
		nodes[i] = node{Endpoint: e, several: b.DefinedBy != ""}
		if !nodes[i].several {
			nodes[i].engine = w.Engine()
			continue
		}
		nodes[i].engine, nodes[i].err = builder.EngineOf(w.Drivers, e)
	}
	return nodes, nil
}

// kernel finds a way to ask the engine's kernel. An engine that does not answer is an error in a few seconds.
func (n node) kernel(ctx context.Context, w *cli.Env) (*kernel, error) {
	if n.err != nil {
		return nil, n.err
	}
	actx, _, end := builder.UntilAnswer(ctx)
	defer end()
	if _, err := n.engine.Info(actx); err != nil {
		return nil, builder.NoAnswer(actx, err)
	}
	return ReachKernel(ctx, w, n.engine, n.Builder)
}

// inspect finds out how the node runs the platforms: through its engine, else by a build.
func (n node) inspect(ctx context.Context, w *cli.Env, ps []platform.Platform) (ins emulation.Inspection, engine string, err error) {
	if n.engine == nil && n.err == nil {
		ins.FreeDisk = -1
		if n.open != nil {
			ins.Status, err = n.open.Probe(ctx, ps...)
		} else {
			ins.Status, err = Probe(ctx, w, n.Endpoint, ps...)
		}
		return ins, "", err
	}
	k, err := n.kernel(ctx, w)
	if err != nil {
		return ins, "", err
	}
	ins, err = k.Inspect(ctx, ps...)
	return ins, k.info.Name, err
}

// InspectNode finds out how a node of a builder that a file defines runs the platforms, all if none is given.
func InspectNode(ctx context.Context, w *cli.Env, of builder.Inspected, ps ...platform.Platform) (emulation.Inspection, error) {
	n := node{Endpoint: of.Endpoint, several: true, open: of.Node}
	n.engine, n.err = builder.EngineOf(w.Drivers, of.Endpoint)
	ins, _, err := n.inspect(ctx, w, ps)
	return ins, err
}

// inspectAll asks all nodes at once. A node that does not answer has the reason in its status.
func inspectAll(ctx context.Context, w *cli.Env, nodes []node, ps []platform.Platform) ([]emulatorsStatus, []emulation.Inspection) {
	all, found := make([]emulatorsStatus, len(nodes)), make([]emulation.Inspection, len(nodes))
	var asked sync.WaitGroup
	for i, n := range nodes {
		asked.Go(func() {
			ins, engine, err := n.inspect(ctx, w, ps)
			all[i] = emulatorsStatus{Engine: engine, Platforms: []emulatorRow{}, Others: []emulatorHandle{}, err: err}
			if err == nil {
				found[i], all[i] = ins, statusRows(engine, ins, ps)
			} else {
				all[i].Err = n.Cause(err).Error()
			}
			all[i].Node, all[i].Address = n.name(), n.Address
		})
	}
	asked.Wait()
	return all, found
}

// Probe finds out how a node that this program only connects to runs the platforms, all if none is given.
func Probe(ctx context.Context, w *cli.Env, e builder.Endpoint, ps ...platform.Platform) (status emulation.Status, err error) {
	nodes, err := builder.Reopen(ctx, w.Drivers, e, builder.ReopenOptions{})
	for i, n := range nodes {
		if i == 0 && err == nil {
			status, err = n.Probe(ctx, ps...)
		}
		err = errors.Join(err, n.Close())
	}
	return status, err
}

// requireSomewhere returns an error unless each platform runs on one of the nodes that answer.
func requireSomewhere(nodes []node, found []emulation.Inspection, ps []platform.Platform) error {
	if !nodes[0].several {
		return found[0].Require(emulation.Emulated, ps...)
	}
	var missing []platform.Platform
	for _, p := range ps {
		if !slices.ContainsFunc(found, func(ins emulation.Inspection) bool { return ins.Mode(p) >= emulation.Emulated }) {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &cli.Hinted{
		Err: fmt.Errorf("no node of builder %q that answers runs %s", nodes[0].Builder, cli.OrNone(platform.FormatAll(missing))),
		Hint: "docker multiarch emulators install --builder " + nodes[0].Builder + " installs emulators on its engines,\n" +
			"      and names the command to run where there is no engine",
	}
}
