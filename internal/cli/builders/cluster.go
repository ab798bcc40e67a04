package builders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes"
	"github.com/docker-multiarch/docker-multiarch/builder/store"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// inCluster reports whether the node is one of a cluster.
func (c *creation) inCluster() bool { return c.given.Driver == kubernetes.DriverName }

// locate completes the endpoint of a node in a cluster. A node that is changed keeps its endpoint unless another one is given.
func (c *creation) locate(ctx context.Context) (err error) {
	changed := c.o.node != "" && slices.ContainsFunc(c.builder.Nodes, func(e builder.Endpoint) bool { return e.Node == c.o.node })
	if !c.inCluster() || changed && c.given.Address == "" {
		return nil
	}
	kubeconfig, _ := c.w.LookupEnv("KUBECONFIG")
	c.given.Address, err = kubernetes.Resolve(ctx, c.given.Address, kubeconfig)
	return err
}

// cluster makes a builder with a node for each architecture of a cluster, and shows the plan.
func (c *creation) cluster(ctx context.Context) error {
	c.given.Builder = c.o.name
	planned, err := kubernetes.Plan(ctx, c.given)
	if rights, ok := errors.AsType[*kubernetes.RightsError](err); ok {
		return &cli.Hinted{Err: rights, Hint: "name the platforms of the cluster's nodes with --platform, or get the right to list nodes (docs/kubernetes.md has it)"}
	}
	if err != nil {
		return err
	}
	for _, p := range planned {
		at := "where the cluster has such nodes"
		if p.Machines != nil {
			at = fmt.Sprintf("on the cluster's nodes %s", strings.Join(p.Machines, ", "))
		}
		c.w.Say(fmt.Sprintf("node %q: %s, natively, %s", p.Endpoint.Node, strings.Join(platform.FormatAll(p.Endpoint.Platforms), ", "), at))
	}
	c.builder = builder.Builder{Name: c.o.name}
	for _, p := range planned {
		c.given = p.Endpoint
		if err := c.keep(ctx, store.Append); err != nil {
			return err
		}
		if c.builder, _, err = store.Append(c.builder, p.Endpoint); err != nil {
			return err
		}
	}
	return nil
}
