package container

import (
	"context"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Driver manages BuildKits in privileged containers of Docker Engines. It is a [builder.Manager].
type Driver struct {
	// Engine returns the engine at an endpoint's address.
	Engine func(address string) (*engine.Engine, error)
	// Memory returns a folder of the user's cache; nil, or "", remembers nothing.
	Memory func() string
}

var (
	_ builder.Manager  = Driver{}
	_ builder.Checker  = Driver{}
	_ builder.OnEngine = Driver{}
)

// OptionNames implements [builder.Checker].
func (Driver) OptionNames() []string { return OptionNames() }

// ParseOptions implements [builder.Checker].
func (Driver) ParseOptions(lists ...string) (map[string]string, error) {
	return ParseOptions(lists...)
}

// Check implements [builder.Checker].
func (d Driver) Check(e builder.Endpoint) error {
	_, err := d.Engine(e.Address)
	return err
}

// EngineOf implements [builder.OnEngine].
func (d Driver) EngineOf(e builder.Endpoint) (*engine.Engine, error) { return d.Engine(e.Address) }

func (d Driver) probes() (p probes) {
	if d.Memory != nil {
		p.dir = d.Memory()
	}
	return p
}

// Connect implements [builder.Driver]. The package comment says what it does.
func (d Driver) Connect(ctx context.Context, e builder.Endpoint, want builder.Spec, report func(line string)) (*builder.Node, error) {
	eng, err := d.Engine(e.Address)
	if err != nil {
		return nil, err
	}
	k, n, err := ensure(ctx, eng, Spec{Endpoint: e, Spec: want, Probes: d.probes()}, report)
	if err != nil {
		return nil, err
	}
	return k.described(n), nil
}

// described returns a node as package builder describes it.
func (k *reconciler) described(n *Node) *builder.Node {
	beside := &builder.Engine{Images: k.spec.images(k.eng), Image: n.Image, ImageID: n.ImageID, Container: n.target.id, Blobs: n.blobs}
	gateway := func(ctx context.Context) (string, error) { return k.eng.HostGateway(ctx, beside.Helper(ctx)) }
	return &builder.Node{
		Endpoint: k.spec.Endpoint, ID: n.Worker + " " + n.Network, Version: n.Version, Platforms: n.Platforms, CPUs: n.NCPU,
		OnHost: n.Network == hostNetwork, HostChosen: n.HostChosen, Near: n.near(), RoundTrip: n.link.RoundTrip, Warnings: n.Warnings, Client: n.Client(),
		Abilities: builder.Abilities{
			Shell: n, Engine: beside, Gateway: gateway, Disk: n, Lost: n.lost, Return: n.link,
		},
		Ahead: k.ahead, Disconnect: n.Close,
	}
}

// Inspect implements [builder.Manager].
func (d Driver) Inspect(ctx context.Context, e builder.Endpoint, depth builder.Depth) ([]builder.Details, error) {
	eng, err := d.reach(ctx, e)
	if err != nil {
		return nil, err
	}
	return inspect(ctx, eng, e, depth)
}

// Reopen implements [builder.Manager].
func (d Driver) Reopen(ctx context.Context, e builder.Endpoint, opt builder.ReopenOptions) (nodes []*builder.Node, err error) {
	eng, err := d.reach(ctx, e)
	if err != nil {
		return nil, err
	}
	for _, s := range sides() {
		o, found, err := Open(ctx, eng, e, OpenOptions{OnHost: s == onHost, Wait: opt.Wait, Trusted: opt.Trusted, Report: opt.Report})
		if err != nil {
			for _, n := range nodes {
				_ = n.Close()
			}
			return nil, err
		}
		if found {
			n := o.k.described(o.Node)
			n.Endpoint = e
			n.Disconnect = func() error { return o.Close(ctx) }
			nodes = append(nodes, n)
		}
	}
	return nodes, nil
}

// reach returns the engine of an endpoint if it answers.
func (d Driver) reach(ctx context.Context, e builder.Endpoint) (*engine.Engine, error) {
	eng, err := d.Engine(e.Address)
	if err != nil {
		return nil, err
	}
	ctx, _, end := builder.UntilAnswer(ctx)
	defer end()
	_, err = eng.Info(ctx)
	return eng, builder.NoAnswer(ctx, err)
}

// Stop implements [builder.Manager].
func (d Driver) Stop(ctx context.Context, e builder.Endpoint) (found bool, err error) {
	eng, err := d.reach(ctx, e)
	if err != nil {
		return false, err
	}
	return stop(ctx, eng, e)
}

// Remove implements [builder.Manager].
func (d Driver) Remove(ctx context.Context, e builder.Endpoint, opt builder.RemoveOptions) (found bool, err error) {
	eng, err := d.reach(ctx, e)
	if err != nil {
		return false, err
	}
	return remove(ctx, eng, e, opt.KeepState, opt.Trusted)
}
