package kubernetes

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Inspect implements [builder.Manager]. A node that is stopped has one description, of its workload; another one has one for each pod.
func (Driver) Inspect(ctx context.Context, e builder.Endpoint, depth builder.Depth) ([]builder.Details, error) {
	n, err := open(e)
	if err != nil {
		return nil, err
	}
	bounded, answered, end := builder.UntilAnswer(ctx)
	defer end()
	have, err := n.observe(bounded)
	if err != nil || !have.exists() {
		return nil, builder.NoAnswer(bounded, err)
	}
	answered()
	pods := slices.DeleteFunc(slices.Clone(have.pods), pod.leaving)
	if len(pods) == 0 {
		d := n.describe(have, pod{})
		if d.State = "exited"; have.workload.replicas() > 0 {
			d.State = "restarting"
			if o := have.workload.obstacle(); o.found() {
				d.Err = &NotReadyError{obstacle: o}
			}
		}
		return []builder.Details{d}, nil
	}
	all := make([]builder.Details, len(pods))
	var asking sync.WaitGroup
	for i, p := range pods {
		all[i] = n.describe(have, p)
		asking.Go(func() { n.ask(ctx, p, &all[i], depth) })
	}
	asking.Wait()
	return all, nil
}

// describe returns what the API knows about a node and one of its pods; the zero pod is none.
func (n node) describe(have observed, p pod) (d builder.Details) {
	options := map[string]string{}
	for k, v := range n.e.Options {
		options[k] = builder.MaskOption(k, v)
	}
	w := have.workload.Metadata
	d.Status = builder.Status{
		Builder: n.e.Builder, Node: n.e.Index, Driver: DriverName, Container: have.workload.object(), State: p.state(), Image: n.opt.Image(),
		Fixed: platform.FormatAll(n.e.Platforms), Flags: n.e.Flags, Options: options, Created: w.CreationTimestamp, Network: "pod",
	}
	if p.Metadata.Name != "" {
		d.Container, d.ID = "pod/"+p.Metadata.Name, p.Metadata.UID
		if id := p.buildkit().ImageID; strings.Contains(id, "@") {
			d.Image = id // with its digest, as the node has pulled it
		}
		if p.Spec.HostNetwork {
			d.Network = "host"
		}
		for _, c := range have.claims {
			if c.Metadata.Name == "state-"+p.Metadata.Name {
				d.Volume = c.Metadata.Name
			}
		}
	}
	d.Tool, d.UserConfig = w.Annotations["com.docker-multiarch/version"], n.e.Config.TOML != nil
	return d
}

// ask completes a description with what the BuildKit of a pod says, or with why it says nothing.
func (n node) ask(ctx context.Context, p pod, d *builder.Details, depth builder.Depth) {
	if !p.ready() {
		if o := p.obstacle(); o.found() {
			d.Err = &NotReadyError{obstacle: o}
		}
		return
	}
	ctx, answered, end := builder.UntilAnswer(ctx)
	defer end()
	l, err := n.dial(ctx, p.name)
	if err != nil {
		d.Err = builder.NoAnswer(ctx, err)
		return
	}
	defer l.Close()
	d.Err = d.Ask(ctx, l.Client, depth, answered)
	if depth == builder.Whole {
		d.Config = n.config(ctx)
	}
}

// config returns the buildkitd.toml of the node; "" if it cannot be read.
func (n node) config(ctx context.Context) string {
	var list struct {
		Items []struct{ Data map[string]string }
	}
	if err := n.Get(ctx, &list, "configmaps", "-l", objects.Selector(n.e)); err != nil || len(list.Items) == 0 {
		return ""
	}
	return list.Items[0].Data["buildkitd.toml"]
}
