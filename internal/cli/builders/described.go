package builders

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// described is a builder, and what is known about each of its nodes.
type described struct {
	builder.Builder
	nodes   []builder.Inspected // in the order of Nodes
	kernels []kernel            // in the order of Nodes; of describeOne only
}

// stored reports whether a file defines the builder.
func (d described) stored() bool { return d.DefinedBy != "" }

// exists reports whether there is such a builder. One that no file defines exists if its engine has containers of it.
func (d described) exists() bool {
	return d.stored() || slices.ContainsFunc(d.nodes, func(n builder.Inspected) bool { return len(n.Details) > 0 })
}

// describe asks all nodes of the builders at once.
func describe(ctx context.Context, w *cli.Env, depth builder.Depth, builders ...builder.Builder) []described {
	var endpoints []builder.Endpoint
	for _, b := range builders {
		endpoints = append(endpoints, b.Nodes...)
	}
	found := builder.Inspect(ctx, w.Drivers, endpoints, depth, nil, nil)
	all := make([]described, len(builders))
	for i, b := range builders {
		all[i] = described{Builder: b, nodes: found[:len(b.Nodes)]}
		found = found[len(b.Nodes):]
	}
	return all
}

// describeOne asks the nodes of a builder everything, and the kernel of each as soon as the node has answered. An engine without such a
// builder, and an engine that does not answer, are errors if no file defines the builder.
func describeOne(ctx context.Context, w *cli.Env, name string, trusted []digest.Digest) (d described, err error) {
	d.Builder, err = w.Builder(ctx, name)
	if err != nil {
		return d, err
	}
	d.kernels = make([]kernel, len(d.Nodes))
	probes := probed{dir: w.Cached("probes")}
	d.nodes = builder.Inspect(ctx, w.Drivers, d.Nodes, builder.Whole, func(n *builder.Node) { probes.begin(ctx, n) }, func(i int, n builder.Inspected) {
		if len(n.Details) > 0 {
			d.kernels[i] = askKernel(ctx, w, n, trusted)
		}
	})
	if !d.stored() && d.nodes[0].Err != nil {
		return d, d.nodes[0].Err
	}
	if !d.exists() {
		err = noBuilder(name)
	}
	return d, err
}

// describeAll asks the nodes of all builders: those that the file defines, those on the engine of the current context, and those of peers
// whose names these do not have. If that engine does not answer, its builders are not known, and engineErr says why.
func describeAll(ctx context.Context, w *cli.Env, peers ...builder.Builder) (all []described, engineErr, err error) {
	stored, err := w.StoredBuilders()
	if err != nil {
		return nil, nil, err
	}
	peers = slices.DeleteFunc(peers, func(p builder.Builder) bool {
		return slices.ContainsFunc(stored, func(b builder.Builder) bool { return b.Name == p.Name })
	})
	var both sync.WaitGroup
	var onEngine []described
	both.Go(func() {
		var made []builder.Builder
		if made, engineErr = engineBuilders(ctx, w, stored); engineErr == nil {
			onEngine = describe(ctx, w, builder.Brief, made...)
		}
	})
	all = describe(ctx, w, builder.Brief, slices.Concat(stored, peers)...)
	both.Wait()
	onEngine = slices.DeleteFunc(onEngine, func(d described) bool { return d.nodes[0].Err == nil && !d.exists() })
	all = slices.DeleteFunc(all, func(p described) bool {
		return p.KeptBy != "" && slices.ContainsFunc(onEngine, func(d described) bool { return d.Name == p.Name })
	})
	all = append(all, onEngine...)
	slices.SortFunc(all, func(a, b described) int { return cmp.Compare(a.Name, b.Name) })
	return all, engineErr, nil
}

// engineBuilders returns the builders on the engine of the current context, without those that are stored.
func engineBuilders(ctx context.Context, w *cli.Env, stored []builder.Builder) (made []builder.Builder, err error) {
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return nil, err
	}
	list, err := container.List(ctx, eng)
	for _, st := range list {
		if slices.ContainsFunc(stored, func(b builder.Builder) bool { return b.Name == st.Builder }) {
			continue
		}
		if len(made) == 0 || made[len(made)-1].Name != st.Builder {
			made = append(made, builder.Builder{Name: st.Builder})
		}
		last := &made[len(made)-1]
		if e := st.Endpoint(); !slices.ContainsFunc(last.Nodes, func(o builder.Endpoint) bool { return o.Index == e.Index }) { // a node may have two containers
			last.Nodes = append(last.Nodes, e)
		}
	}
	return made, err
}

func at(address string) string {
	if address == "" {
		return ""
	}
	return " at " + address
}

// eachNode calls do for all nodes of a builder at once. The error has the errors of all nodes that failed.
func eachNode(b builder.Builder, do func(i int, e builder.Endpoint) error) error {
	errs := make([]error, len(b.Nodes))
	var all sync.WaitGroup
	for i, e := range b.Nodes {
		all.Go(func() { errs[i] = do(i, e) })
	}
	all.Wait()
	if b.DefinedBy == "" {
		return errs[0] // there is one node
	}
	for i, e := range b.Nodes {
		errs[i] = e.Named(errs[i])
	}
	return errors.Join(errs...)
}

// eachBuilder calls do for all named builders, prints the names of those for which it returned no error, and fails if one call failed.
func eachBuilder(ctx context.Context, w *cli.Env, names []string, do func(builder.Builder) error) error {
	var failures []error
	for _, name := range names {
		b, err := w.Builder(ctx, name)
		if err == nil {
			err = do(b)
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		cli.Putf(w.Out, "%s\n", name)
	}
	return errors.Join(failures...)
}

// manager returns the driver of a node if this program makes and removes its BuildKit.
func manager(w *cli.Env, e builder.Endpoint) (builder.Manager, bool) {
	m, ok := w.Drivers[e.Driver].(builder.Manager)
	return m, ok
}

// sayUnmanaged names the nodes whose BuildKits keep running whatever this program does.
func sayUnmanaged(w *cli.Env, b builder.Builder) {
	for _, e := range b.Nodes {
		if _, ok := manager(w, e); !ok {
			w.Say(fmt.Sprintf("%s is not managed by docker multiarch: its BuildKit%s keeps running", e, at(e.Address)))
		}
	}
}
