package plan

import (
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Placement assigns each target to a node.
type Placement struct {
	Nodes  []Node
	Status []emulation.Status // by node: the result of its probe; the zero value if it needed none
	On     []int              // by target: its node
	// Instead says for each target which node would make it, and why it does not; nil if every target is where it belongs.
	Instead []string
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
