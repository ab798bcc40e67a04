package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/direct"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/builder/link"
)

const (
	// connectTimeout is what kubectl is given to log in, and BuildKit to answer. Ten builds that begin at once on a busy machine need it: each
	// starts kubectl for all pods.
	connectTimeout = 25 * time.Second
	// mostPods is how many pods a build looks at: each connection is a process here.
	mostPods = 8
)

// dial opens a link to the BuildKit of the pod that is named then.
func (n node) dial(ctx context.Context, name func() string) (*link.Link, error) {
	return link.Open(ctx, link.Options{Timeout: connectTimeout, Program: true, Dial: func(ctx context.Context) (net.Conn, error) {
		pod, command := name(), []string{"buildctl", "dial-stdio"}
		if c, err := direct.Target(n.Client).Dial(ctx, pod, objects.Container, command...); err == nil || ctx.Err() != nil {
			return c, err
		}
		return n.Dial(ctx, pod, objects.Container, command...)
	}})
}

// connectAll connects to pods, in any order, so that clients that begin at the same time do not all prefer the same one.
func (n node) connectAll(ctx context.Context, pods []pod, want builder.Spec) (*builder.Node, error) {
	slices.SortFunc(pods, func(a, b pod) int { return cmp.Compare(a.Metadata.Name, b.Metadata.Name) })
	number := map[string]int{}
	for i, p := range pods {
		number[p.Metadata.Name] = i
	}
	rand.Shuffle(len(pods), func(i, k int) { pods[i], pods[k] = pods[k], pods[i] }) //nolint:gosec // nothing is secret about it
	most := mostPods
	if n.opt.Random {
		most = 1
	}
	pods = pods[:min(len(pods), most)]
	nodes, errs := make([]*builder.Node, len(pods)), make([]error, len(pods))
	var all sync.WaitGroup
	for i, p := range pods {
		all.Go(func() { nodes[i], errs[i] = n.connectPod(ctx, p, number[p.Metadata.Name], want) })
	}
	all.Wait()
	nodes = slices.DeleteFunc(nodes, func(b *builder.Node) bool { return b == nil })
	if len(nodes) == 0 {
		return nil, errs[0]
	}
	nodes[0].More = nodes[1:]
	return nodes[0], nil
}

// connectPod connects to a pod, which is the i-th by name.
func (n node) connectPod(ctx context.Context, p pod, i int, want builder.Spec) (*builder.Node, error) {
	name := p.Metadata.Name
	if err := n.hostNetwork(p, want.Host); err != nil {
		return nil, err
	}
	c := &connection{node: n, pod: p}
	l, err := n.dial(ctx, c.name)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to pod/%s: %w", name, err)
	}
	c.link, c.began = l, time.Now()
	if minimum := cmp.Or(want.MinVersion, builder.MinVersion); l.Version() == "" || builder.TooOld(l.Version(), minimum) {
		_ = l.Close()
		return nil, fmt.Errorf("pod/%s: its BuildKit is %s, and %s or newer is needed: choose another image", name, cmp.Or(l.Version(), "older than v0.11"), minimum)
	}
	e := n.e
	if n.opt.Replicas > 1 {
		e.Node = fmt.Sprintf("%s.%d", e.Name(), i)
	}
	return &builder.Node{
		Endpoint: e, ID: l.Workers[0].ID, Version: l.Version(), Platforms: l.Workers[0].Platforms, OnHost: p.Spec.HostNetwork,
		HostChosen: n.opt.HostNetwork, RoundTrip: l.RoundTrip, Client: l.Client, Disconnect: l.Close,
		Abilities: builder.Abilities{Return: c, Lost: c.lost},
	}, nil
}

// LoopbackError means that a build names a registry on loopback, which a pod does not reach.
type LoopbackError struct{ For string }

func (e *LoopbackError) Error() string {
	return fmt.Sprintf("%s is a registry on loopback, and a pod has a loopback of its own", e.For)
}

// hostNetwork returns an error if a pod's network is not the one that a build needs, or may use.
func (n node) hostNetwork(p pod, host builder.HostNetwork) error {
	if p.Spec.HostNetwork {
		return host.Refused(n.opt.HostNetwork)
	}
	if host.Requested {
		return &LoopbackError{host.For}
	}
	return nil
}

// running counts the builds that run in pods. One that does not answer counts as running none.
func (n node) running(ctx context.Context, pods []pod) (builds int) {
	counts := make([]int, len(pods))
	var all sync.WaitGroup
	for i, p := range pods {
		all.Go(func() {
			l, err := n.dial(ctx, p.name)
			if err != nil {
				return
			}
			defer l.Close()
			counts[i], _ = builder.CountBuilds(ctx, l.Client)
		})
	}
	all.Wait()
	for _, c := range counts {
		builds += c
	}
	return builds
}

// Reopen implements [builder.Manager].
func (d Driver) Reopen(ctx context.Context, e builder.Endpoint, opt builder.ReopenOptions) ([]*builder.Node, error) {
	n, err := open(e)
	if err != nil {
		return nil, err
	}
	have, err := n.observe(ctx)
	if err != nil || !have.exists() {
		return nil, err
	}
	ready, closed := have.ready(), func() error { return nil }
	if len(ready) == 0 {
		d.memory(n).forget() // of a pod that was ended elsewhere
		if have.workload.replicas() == 0 && len(have.claims) == 0 {
			return nil, nil // its cache went with its pods
		}
		if ready, closed, err = n.start(ctx, have, opt); err != nil {
			return nil, err
		}
	}
	first, err := n.connectAll(ctx, ready, builder.Spec{})
	if err != nil {
		return nil, errors.Join(err, closed())
	}
	disconnect := first.Disconnect
	first.Disconnect = func() error { return errors.Join(disconnect(), closed()) }
	nodes := append([]*builder.Node{first}, first.More...)
	first.More = nil
	return nodes, nil
}

// start starts a workload that was stopped, or waits for one that is starting. closed stops it again.
func (n node) start(ctx context.Context, have observed, opt builder.ReopenOptions) (ready []pod, closed func() error, err error) {
	report := opt.Report
	if report == nil {
		report = func(string) {}
	}
	closed = func() error { return nil }
	if have.workload.replicas() == 0 {
		if err := n.scale(ctx, have.workload, n.opt.Replicas); err != nil {
			return nil, nil, err
		}
		closed = func() error { return n.scale(context.WithoutCancel(ctx), have.workload, 0) }
	}
	r := n.reconcilerOf(have.workload, report)
	if opt.Wait > 0 {
		r.opt.Timeout = opt.Wait
	}
	if ready, err = r.await(ctx, ""); err != nil {
		return nil, nil, errors.Join(err, closed())
	}
	return ready, closed, nil
}
