package plan

import (
	"slices"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Assign gives each target the index of a node: the first that is native to it, else one that the user prefers for it, else one that
// emulates it, else the first node. status has the result of each node's probe. Of several nodes that are equally good, the first makes the
// target.
func Assign(nodes []Node, status []emulation.Status, targets []platform.Platform) []int {
	on := make([]int, len(targets))
	for i, target := range targets {
		for k := range nodes {
			if nodes[k].suits(target, status[k]) > nodes[on[i]].suits(target, status[on[i]]) {
				on[i] = k
			}
		}
	}
	return on
}

// suits returns a rank, higher for a node that suits the target better.
func (n Node) suits(target platform.Platform, status emulation.Status) int {
	rank := slices.Index([]Mode{EmulatedBuilder, Emulated}, n.Mode(target, status)) + 1
	if platform.Contains(n.Preferred, target) {
		rank += 3
	}
	if n.RunsNatively(target, status) {
		rank += 6
	}
	return rank
}

// Placement assigns each target to a node.
type Placement struct {
	Nodes  []Node
	Status []emulation.Status // by node: the result of its probe; the zero value if it needed none
	On     []int              // by target: its node
}

// Mode returns how the node of a target runs programs of a platform.
func (p Placement) Mode(target int, of platform.Platform) Mode {
	k := p.On[target]
	return p.Nodes[k].Mode(of, p.Status[k])
}

// ForNode returns the elements of a list by target, such as graphs or jobs, whose target the node makes.
func ForNode[T any](p Placement, node int, all []T) (its []T) {
	for i, k := range p.On {
		if k == node {
			its = append(its, all[i])
		}
	}
	return its
}

// SharesPrograms reports whether a node would run a program for two or more of its targets at once.
func (p Placement) SharesPrograms(node int, graphs []graph.Graph) bool {
	its := ForNode(p, node, graphs)
	shared := graph.Shared(its...)
	for _, g := range its {
		for _, s := range g.Steps {
			if s.Kind == graph.Exec && shared[s.Digest] > 1 {
				return true
			}
		}
	}
	return false
}
