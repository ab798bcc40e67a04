// Package kubernetes is the driver of BuildKits in the pods of a Kubernetes cluster.
//
// A node is a workload: a Deployment, or a StatefulSet whose pods keep their cache on volumes (package objects). It is made when it is
// needed, changed while no build runs in it when its configuration has changed, scaled to zero by a stop, and removed with everything that
// was made for it. Its pods are reached through the cluster's API (package direct, else `kubectl exec`), so nothing of it is open on a network.
//
// Pods are waited for by watches. The reason why they do not get ready is reported as soon as the API knows it.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// DriverName is the driver's name for users.
const DriverName = "kubernetes"

// Driver manages BuildKits in pods.
type Driver struct {
	// Memory returns a folder of the user's cache; nil, or "", remembers nothing.
	Memory func() string
}

var (
	_ builder.Manager = Driver{}
	_ builder.Checker = Driver{}
)

// OptionNames implements [builder.Checker].
func (Driver) OptionNames() []string { return objects.OptionNames() }

// ParseOptions implements [builder.Checker].
func (Driver) ParseOptions(lists ...string) (map[string]string, error) {
	given, err := builder.SplitOptions(lists...)
	if err == nil {
		given, err = objects.ReadFiles(given)
	}
	if err == nil {
		_, err = objects.Parse(given)
	}
	return given, err
}

// Check implements [builder.Checker].
func (Driver) Check(e builder.Endpoint) error {
	_, err := open(e)
	return err
}

// node is an endpoint of this driver.
type node struct {
	kubectl.Client
	e   builder.Endpoint
	opt objects.Options
}

func open(e builder.Endpoint) (n node, err error) {
	if n.Client, err = ParseAddress(e.Address); err != nil {
		return n, err
	}
	n.e = e
	if n.opt, err = objects.Parse(e.Options); err == nil && n.opt.Namespace != "" {
		n.Namespace = n.opt.Namespace
	}
	return n, err
}

// Connect implements [builder.Driver]. The node that it returns is one of the pods; [builder.Node.More] has the others that are ready.
func (d Driver) Connect(ctx context.Context, e builder.Endpoint, want builder.Spec, report func(line string)) (*builder.Node, error) {
	n, err := d.connect(ctx, e, want, report)
	if err != nil && !errors.Is(err, want.Host.PermissionErr) {
		return nil, fmt.Errorf("%s: %w", e, err)
	}
	return n, err
}

func (d Driver) connect(ctx context.Context, e builder.Endpoint, want builder.Spec, report func(line string)) (*builder.Node, error) {
	n, err := open(e)
	if err != nil {
		return nil, err
	}
	if err := checkSpec(want); err != nil {
		return nil, err
	}
	wanted, err := n.compose(want)
	if err != nil {
		return nil, err
	}
	m := d.memory(n)
	if p, ok := m.recall(wanted); ok {
		if b, err := n.connectPod(ctx, p, 0, want); err == nil {
			return b, nil
		}
	}
	r := reconciler{node: n, want: want, wanted: wanted, say: func(line string) { report(fmt.Sprintf("%s: %s", e, line)) }}
	tried := map[string]bool{}
	for {
		pods, err := r.ensure(ctx)
		if err != nil {
			return nil, err
		}
		b, err := n.connectAll(ctx, pods, want)
		if err == nil {
			m.put(wanted, pods)
			return b, nil
		}
		known := len(tried)
		for _, p := range pods {
			tried[p.Metadata.UID] = true
		}
		if len(tried) == known || ctx.Err() != nil { // otherwise the pods may have been ended since the look at them
			return nil, err
		}
	}
}

func (d Driver) memory(n node) memory {
	m := memory{node: n}
	if d.Memory != nil {
		m.dir = d.Memory()
	}
	return m
}

// checkSpec refuses settings of a build that would be those of the node: another build would take them back.
func checkSpec(want builder.Spec) error {
	var what string
	switch {
	case want.Image != "":
		what = fmt.Sprintf("the image %q", want.Image)
	case want.Daemon.Config.TOML != nil:
		what = "a configuration file"
	case len(want.Daemon.Flags) > 0:
		what = fmt.Sprintf("the flags %q of buildkitd", want.Daemon.Flags)
	default:
		return nil
	}
	return &ConfiguredError{what}
}

// ConfiguredError means that a build has a setting which a node in a cluster has, or has not, for all builds.
type ConfiguredError struct{ What string }

func (e *ConfiguredError) Error() string {
	return "a node in a cluster has its settings from its definition, for all builds: a build cannot give it " + e.What
}

func (n node) compose(want builder.Spec) (objects.Node, error) {
	return objects.Compose(objects.Input{
		Endpoint: n.e, Options: n.opt, Tool: want.ToolVersion,
		Settings: buildkitd.Settings{
			Config: n.e.Config, Flags: n.e.Flags, Certs: want.Daemon.Certs, Proxies: want.Daemon.Proxies, AddHosts: want.Daemon.AddHosts,
		},
	})
}

// removeWait is how long pods and volumes may take to be gone.
const removeWait = 60 * time.Second

// Remove implements [builder.Manager].
func (d Driver) Remove(ctx context.Context, e builder.Endpoint, opt builder.RemoveOptions) (found bool, err error) {
	n, err := open(e)
	if err != nil {
		return false, err
	}
	d.memory(n).forget()
	return n.remove(ctx, opt.KeepState)
}

func (n node) remove(ctx context.Context, keepState bool) (found bool, err error) {
	kinds := "deployments,statefulsets,configmaps,secrets"
	if !keepState {
		kinds += ",persistentvolumeclaims"
	}
	removed, err := n.Delete(ctx, removeWait, kinds, "-l", objects.Selector(n.e), "--cascade=foreground")
	return len(removed) > 0, err
}

// Stop implements [builder.Manager].
func (d Driver) Stop(ctx context.Context, e builder.Endpoint) (found bool, err error) {
	n, err := open(e)
	if err != nil {
		return false, err
	}
	d.memory(n).forget()
	have, err := n.observe(ctx)
	if err != nil || !have.exists() {
		return false, err
	}
	return true, n.scale(ctx, have.workload, 0)
}

// scale sets the number of a workload's pods.
func (n node) scale(ctx context.Context, w workload, replicas int) error {
	return n.Patch(ctx, w.object(), fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas))
}
