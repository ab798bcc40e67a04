package plan

import (
	"slices"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Node is a builder's node, as far as a plan needs to know it.
type Node struct {
	Name string
	// Platforms as BuildKit reports them; the first is the node's own.
	Platforms []platform.Platform
	// Preferred are the platforms that the user has named for the node; none: whatever it runs.
	Preferred []platform.Platform
	// CPUs of the node: so many emulated solves work at a time. 0 means not known, and no bound.
	CPUs int
}

// Native is the node's own platform.
func (n Node) Native() platform.Platform { return n.Platforms[0] }

// Mode is how the node runs programs of a platform. status is what the probe says of its kernel.
func (n Node) Mode(p platform.Platform, status emulation.Status) Mode {
	if n.RunsNatively(p, status) {
		return Native
	}
	if n.Native().Architecture == p.Architecture {
		return Impossible // a variant that this processor lacks (amd64/v4, say): no emulator helps its own architecture
	}
	switch status.Mode(p) {
	case emulation.Native:
		return Native
	case emulation.Emulated:
		return Emulated
	case emulation.Builder:
		return EmulatedBuilder
	default:
		return Impossible
	}
}

// RunsNatively reports whether the node runs programs of a platform without an emulator. The node's own architecture needs no probe. Its
// variants do: BuildKit lists those that the processor has.
func (n Node) RunsNatively(p platform.Platform, status emulation.Status) bool {
	own := n.Native()
	if own.Architecture == p.Architecture && own.OS == p.OS {
		return p.Variant == own.Variant || platform.Contains(n.Platforms, p)
	}
	return own.OS == p.OS && status.Mode(p) == emulation.Native
}

// RunsUnasked reports whether it is sure, without a probe, that the node runs programs of a platform.
func (n Node) RunsUnasked(p platform.Platform) bool {
	return p.Architecture == "" || p.Architecture == n.Native().Architecture
}

// Foreign reports whether one of the platforms has another architecture than the node, so that a probe is worth its time.
func (n Node) Foreign(ps ...platform.Platform) bool {
	return slices.ContainsFunc(ps, func(p platform.Platform) bool { return p.Architecture != n.Native().Architecture })
}

// Emulates reports whether an emulator ran a step. The plan does not know those that were read again.
func (n Node) Emulates(s graph.Step, plan Plan) bool {
	if program, ok := plan.Programs[s.Digest]; ok {
		return program.Emulated
	}
	return n.Foreign(s.Platform)
}
