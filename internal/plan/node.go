package plan

import (
	"slices"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Node is a builder's node, as a plan needs it.
type Node struct {
	Name string
	// Platforms are those that BuildKit reports; the first is the node's own.
	Platforms []platform.Platform
	// Preferred are the platforms that the user has named for the node; none: whatever it runs.
	Preferred []platform.Platform
	// CPUs is the number of the node's CPUs, and of the emulated solves that work at a time. 0 means unknown, and no bound.
	CPUs int
}

// Native returns the node's own platform.
func (n Node) Native() platform.Platform { return n.Platforms[0] }

// Mode returns how the node runs programs of a platform. status is the result of the probe of its kernel.
func (n Node) Mode(p platform.Platform, status emulation.Status) Mode {
	if n.RunsNatively(p, status) {
		return Native
	}
	if n.Native().Architecture == p.Architecture {
		return Impossible // a variant that this processor does not have (amd64/v4, say): no emulator helps its own architecture
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

// RunsUnasked reports whether the node is known, without a probe, to run programs of a platform.
func (n Node) RunsUnasked(p platform.Platform) bool {
	return p.Architecture == "" || p.Architecture == n.Native().Architecture
}

// Foreign reports whether one of the platforms has another architecture than the node, so that a probe is necessary.
func (n Node) Foreign(ps ...platform.Platform) bool {
	return slices.ContainsFunc(ps, func(p platform.Platform) bool { return p.Architecture != n.Native().Architecture })
}

// Emulates reports whether an emulator ran a step. The plan does not have the steps of a later reading.
func (n Node) Emulates(s graph.Step, plan Plan) bool {
	if program, ok := plan.Programs[s.Digest]; ok {
		return program.Emulated
	}
	return n.Foreign(s.Platform)
}
