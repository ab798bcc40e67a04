package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Resolve returns an endpoint as it is stored: with the context, the namespace and the file that kubectl uses now, so that it stands for
// the same cluster after the user has chosen another context. kubeconfig is the value of KUBECONFIG. In a pod, kubectl finds the cluster
// by itself, and nothing is stored.
func Resolve(ctx context.Context, endpoint, kubeconfig string) (string, error) {
	c, err := ParseAddress(endpoint)
	if err != nil {
		return "", err
	}
	if c.Kubeconfig == "" && kubeconfig != "" && !strings.ContainsRune(kubeconfig, filepath.ListSeparator) {
		if c.Kubeconfig, err = filepath.Abs(kubeconfig); err != nil {
			return "", err
		}
	}
	if c.Kubeconfig != "" {
		if _, err := os.Stat(c.Kubeconfig); err != nil { // kubectl takes it for an empty one
			return "", &ConfigError{err}
		}
	}
	out, err := c.Run(ctx, nil, "config", "view", "--minify", "-o", "json")
	if err != nil && (c.Context != "" || !strings.Contains(err.Error(), "current-context")) {
		if _, its := errors.AsType[*kubectl.Error](err); its {
			err = &ConfigError{err}
		}
		return "", err
	}
	var view struct {
		Current  string `json:"current-context"`
		Contexts []struct {
			Context struct{ Namespace string }
		}
	}
	if err == nil {
		if err := json.Unmarshal(out, &view); err != nil {
			return "", fmt.Errorf("the answer of kubectl config view: %w", err)
		}
		c.Context = view.Current
	}
	if c.Namespace == "" && len(view.Contexts) > 0 {
		c.Namespace = view.Contexts[0].Context.Namespace
	}
	if c.Namespace == "" && c.Context != "" {
		c.Namespace = "default" // as for kubectl
	}
	return Address(c), nil
}

// ConfigError means that kubectl cannot use its own configuration.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return "kubectl cannot use its configuration: " + e.Err.Error() }
func (e *ConfigError) Unwrap() error { return e.Err }

// machine is a node of the cluster, as far as it is read.
type machine struct {
	Metadata meta
	Spec     struct {
		Unschedulable bool
		Taints        []objects.Taint
	}
	Status struct{ Conditions []condition }
}

const (
	labelOS   = "kubernetes.io/os"
	labelArch = "kubernetes.io/arch"
)

// unfit returns why pods with these options do not run on the machine; "" if they do.
func (m machine) unfit(opt objects.Options) string {
	name := m.Metadata.Name
	if m.Metadata.Labels[labelOS] != "linux" {
		return fmt.Sprintf("%s runs %s", name, m.Metadata.Labels[labelOS])
	}
	if find(m.Status.Conditions, "Ready").Status != "True" {
		return name + " is not ready"
	}
	if m.Spec.Unschedulable {
		return name + " takes no more pods (it is cordoned)"
	}
	for _, t := range m.Spec.Taints {
		if !opt.Tolerates(t) {
			return fmt.Sprintf("%s has the taint %s, which no toleration permits", name, t)
		}
	}
	if !opt.Selects(m.Metadata.Labels) {
		return name + " is not among those that nodeselector names"
	}
	return ""
}

// NodesError means that a cluster has no node for what is wanted.
type NodesError struct {
	Wanted string   // "" if anything would do
	Unfit  []string // why the cluster's nodes are not used
}

func (e *NodesError) Error() string {
	text := "the cluster has no node that can be used"
	if e.Wanted != "" {
		text = "the cluster has no node for " + e.Wanted
	}
	if len(e.Unfit) > 0 {
		text += " (" + strings.Join(e.Unfit, "; ") + ")"
	}
	return text
}

// RightsError means that the user may not do something in the cluster that is needed.
type RightsError struct {
	What string // "list the cluster's nodes"
	Err  error
}

func (e *RightsError) Error() string { return fmt.Sprintf("this user may not %s: %v", e.What, e.Err) }
func (e *RightsError) Unwrap() error { return e.Err }

// Planned is a node that could be made in a cluster.
type Planned struct {
	Endpoint builder.Endpoint
	Machines []string // the cluster's nodes that its pods can run on; nil: unknown
}

// Plan returns a node for each architecture of a cluster: of the platforms of e, or if it has none, of the cluster's nodes. Each is named
// after its architecture. The error for a user who may not look at the nodes, and names no platforms, is a [RightsError].
func Plan(ctx context.Context, e builder.Endpoint) (all []Planned, err error) {
	n, err := open(e)
	if err != nil {
		return nil, err
	}
	machines, unfit, err := n.machines(ctx)
	if err != nil && (kubectl.Reason(err) != "Forbidden" || len(e.Platforms) == 0) {
		if kubectl.Reason(err) == "Forbidden" {
			err = &RightsError{"list the cluster's nodes", err}
		}
		return nil, err
	}
	known := err == nil
	wanted, err := byArchitecture(e.Platforms, machines)
	switch {
	case err != nil:
		return nil, err
	case len(wanted) == 0:
		return nil, &NodesError{Unfit: unfit}
	}
	for _, arch := range slices.Sorted(maps.Keys(wanted)) {
		if known && len(machines[arch]) == 0 {
			return nil, &NodesError{strings.Join(platform.FormatAll(wanted[arch]), ", "), unfit}
		}
		its := e
		its.Node, its.Platforms = arch, wanted[arch]
		all = append(all, Planned{its, machines[arch]})
	}
	return all, nil
}

// byArchitecture sorts platforms by the architecture of the machines that are native to them. Without platforms, they are those of the
// machines.
func byArchitecture(platforms []platform.Platform, machines map[string][]string) (map[string][]platform.Platform, error) {
	all := map[string][]platform.Platform{}
	for _, p := range platforms {
		if p.OS != "linux" {
			return nil, &NodesError{Wanted: platform.Format(p) + ": pods of builders run linux"}
		}
		arch := p.Architecture
		if wide, ok := map[string]string{"386": "amd64", "arm": "arm64"}[arch]; ok && (machines[arch] == nil || arch == "386") {
			arch = wide
		}
		all[arch] = append(all[arch], p)
	}
	if len(platforms) > 0 {
		return all, nil
	}
	for arch := range machines {
		ps, _, err := platform.Parse("linux/" + arch)
		if err != nil {
			return nil, fmt.Errorf("the cluster's nodes of the architecture %q: %w", arch, err)
		}
		all[arch] = ps
	}
	return all, nil
}

// machines returns the names of the cluster's nodes that pods can run on, by architecture, and why the others are unfit.
func (n node) machines(ctx context.Context) (fit map[string][]string, unfit []string, err error) {
	var list struct{ Items []machine }
	if err := n.Get(ctx, &list, "nodes"); err != nil {
		return nil, nil, err
	}
	fit = map[string][]string{}
	for _, m := range list.Items {
		if why := m.unfit(n.opt); why != "" {
			unfit = append(unfit, why)
			continue
		}
		arch := m.Metadata.Labels[labelArch]
		fit[arch] = append(fit[arch], m.Metadata.Name)
	}
	return fit, unfit, nil
}

// Platforms returns the platforms of a cluster's nodes, sorted.
func Platforms(ctx context.Context, e builder.Endpoint) (all []platform.Platform, err error) {
	e.Platforms = nil
	planned, err := Plan(ctx, e)
	for _, p := range planned {
		all = append(all, p.Endpoint.Platforms...)
	}
	slices.SortFunc(all, platform.Compare)
	return all, err
}
