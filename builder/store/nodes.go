package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ErrLastNode means that a builder's only node is asked to leave.
var ErrLastNode = errors.New("it is the builder's last node")

// ErrNodeExists means that a builder has a node of that name.
var ErrNodeExists = errors.New("it exists already")

// NoNodeError means that a builder has no node of a name.
type NoNodeError struct {
	Builder, Node string
	Nodes         []string // that it has
}

func (e *NoNodeError) Error() string {
	return fmt.Sprintf("builder %q has no node %q: its nodes are %s", e.Builder, e.Node, strings.Join(e.Nodes, ", "))
}

// SameNodeError means that a new node would be the same as another one.
type SameNodeError struct{ Builder, Node, Address string }

func (e *SameNodeError) Error() string {
	return fmt.Sprintf("node %q of builder %q is the same already: %s with these options, flags and platforms", e.Node, e.Builder, e.Address)
}

// Append returns the builder with one more node, and that node. A node without a name gets the builder's
// name and a counter.
func Append(b builder.Builder, e builder.Endpoint) (builder.Builder, builder.Endpoint, error) {
	e.Builder, e.Index = b.Name, 0
	if i := find(b, e.Node); i >= 0 {
		return b, e, fmt.Errorf("%s: %w", b.Nodes[i], ErrNodeExists)
	}
	for _, n := range b.Nodes {
		e.Index = max(e.Index, n.Index+1)
		if same(n, e) {
			return b, e, &SameNodeError{b.Name, n.Node, n.Address}
		}
	}
	for i := e.Index; e.Node == ""; i++ {
		if name := b.Name + strconv.Itoa(i); find(b, name) < 0 {
			e.Node = name
		}
	}
	b.Nodes = append(slices.Clip(b.Nodes), e)
	return b, e, nil
}

// Change returns the builder with the settings of a node changed, and that node. Settings that are empty in
// change stay; options are added to those that the node has.
func Change(b builder.Builder, change builder.Endpoint) (builder.Builder, builder.Endpoint, error) {
	i := find(b, change.Node)
	if i < 0 {
		return b, change, noNode(b, change.Node)
	}
	e := b.Nodes[i]
	if change.Driver != "" && change.Driver != e.Driver {
		return b, change, fmt.Errorf("%s has the driver %s, and a node keeps its driver", e, e.Driver)
	}
	if change.Address != "" {
		e.Address = change.Address
	}
	if len(change.Platforms) > 0 {
		e.Platforms = change.Platforms
	}
	if len(change.Options) > 0 {
		options := maps.Clone(change.Options)
		for k, v := range e.Options {
			if _, given := options[k]; !given {
				options[k] = v
			}
		}
		e.Options = options
	}
	if len(change.Flags) > 0 {
		e.Flags = change.Flags
	}
	if change.Config.TOML != nil {
		e.Config = change.Config
	}
	b.Nodes = slices.Clone(b.Nodes)
	b.Nodes[i] = e
	return b, e, nil
}

// Leave returns the builder without one of its nodes, and that node.
func Leave(b builder.Builder, name string) (builder.Builder, builder.Endpoint, error) {
	i := find(b, name)
	if i < 0 {
		return b, builder.Endpoint{}, noNode(b, name)
	}
	e := b.Nodes[i]
	if len(b.Nodes) == 1 {
		return b, e, fmt.Errorf("%s: %w", e, ErrLastNode)
	}
	b.Nodes = slices.Delete(slices.Clone(b.Nodes), i, i+1)
	return b, e, nil
}

// Sharing returns the platforms of a node that other nodes were given, too, and those nodes' names.
func Sharing(b builder.Builder, e builder.Endpoint) (shared []platform.Platform, nodes []string) {
	for _, p := range e.Platforms {
		has := func(n builder.Endpoint) bool { return n.Node != e.Node && platform.Contains(n.Platforms, p) }
		if slices.ContainsFunc(b.Nodes, has) {
			shared = append(shared, p)
		}
		for _, n := range b.Nodes {
			if has(n) && !slices.Contains(nodes, n.Node) {
				nodes = append(nodes, n.Node)
			}
		}
	}
	return shared, nodes
}

func find(b builder.Builder, node string) int {
	return slices.IndexFunc(b.Nodes, func(e builder.Endpoint) bool { return e.Node == node })
}

func noNode(b builder.Builder, node string) error {
	e := &NoNodeError{Builder: b.Name, Node: node}
	for _, n := range b.Nodes {
		e.Nodes = append(e.Nodes, n.Node)
	}
	return e
}

// same reports whether two nodes differ in their names only.
func same(a, b builder.Endpoint) bool {
	return a.Driver == b.Driver && a.Address == b.Address && maps.Equal(a.Options, b.Options) && slices.Equal(a.Flags, b.Flags) &&
		a.Config.Digest() == b.Config.Digest() &&
		slices.EqualFunc(a.Platforms, b.Platforms, platform.Equal)
}
