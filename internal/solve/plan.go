package solve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mode says how a platform's image is made on its node.
type Mode string

// The modes, from the best to the worst. Cross is an image for a platform that the node need not run: nothing is executed for
// it (FROM scratch and COPY), or only programs of the node's own platform (a cross compiler).
const (
	Native          Mode = "native"
	Cross           Mode = "cross"
	Emulated        Mode = "emulated"
	EmulatedBuilder Mode = "emulated (builder)"
	Impossible      Mode = "impossible"
)

// Emulated tells whether an emulator works for this platform.
func (m Mode) Emulated() bool { return m == Emulated || m == EmulatedBuilder }

// Job is one solve: a platform on a node, and how the node makes it.
type Job struct {
	Node     string
	Platform platform.Platform
	Mode     Mode
	// Emulator is what emulates the job's platform in Mode Emulated: "qemu 7.2.22". "" if it is not known.
	Emulator string
	// Missing are the platforms that the job's steps run on and that the node cannot run. Only an Impossible job has some.
	Missing []platform.Platform
	// ForTests: it is the tests of the image that need what is missing, and no step.
	ForTests bool
}

// Plan is what a build is going to do, in the order of the platforms asked for.
type Plan struct {
	Jobs []Job
	// Shared counts in how many platforms' graphs each step is, by its digest: a step of two or more runs once.
	Shared map[digest.Digest]int
	// Programs are the steps that run one, by their digests.
	Programs map[digest.Digest]Program
	// Moved says of each job which steps are moved from its platform to the node's own, and why others are not.
	Moved []cross.Moved
}

// String is one line a job, for people and tests.
func (p Plan) String() string {
	var b strings.Builder
	for _, j := range p.Jobs {
		fmt.Fprintf(&b, "%s on %s: %s", platform.Format(j.Platform), j.Node, j.Mode)
		if j.Emulator != "" {
			fmt.Fprintf(&b, " (%s)", j.Emulator)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Missing are the platforms that no job can run, each once, in canonical order.
func (p Plan) Missing() []platform.Platform { return p.missing(func(Job) bool { return true }) }

// missing are those of some jobs.
func (p Plan) missing(of func(Job) bool) []platform.Platform {
	var all []platform.Platform
	for _, j := range p.Jobs {
		if of(j) {
			all = append(all, j.Missing...)
		}
	}
	slices.SortFunc(all, platform.Compare)
	return slices.CompactFunc(all, platform.Equal)
}

// newPlan decides, for each platform, from its graph and from what the node runs. A platform whose graph could not be read (it
// failed already) counts as native: it asks for nothing.
func newPlan(node Node, targets []platform.Platform, graphs []graph.Graph, status emulation.Status) Plan {
	var p Plan
	for i, target := range targets {
		job := Job{Node: node.Name, Platform: target, Mode: Cross}
		if node.runsNatively(target, status) {
			job.Mode = Native
		}
		for _, run := range graphs[i].Runs() {
			job.Mode = worse(job.Mode, node.mode(run, status))
			if node.mode(run, status) == Impossible {
				job.Missing = append(job.Missing, run)
			}
		}
		if sup, ok := status.Arch(target.Architecture); ok && job.Mode == Emulated && sup.Version != "" {
			job.Emulator = "qemu " + sup.Version
		}
		p.Jobs = append(p.Jobs, job)
	}
	p.Shared = graph.Shared(graphs...)
	p.Programs = node.programs(graphs, status)
	return p
}

func worse(a, b Mode) Mode {
	order := []Mode{Native, Cross, Emulated, EmulatedBuilder, Impossible}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

func (n Node) mode(p platform.Platform, status emulation.Status) Mode {
	if n.runsNatively(p, status) {
		return Native
	}
	if n.Platforms[0].Architecture == p.Architecture {
		return Impossible // a variant that this processor lacks (amd64/v4, say): no emulator helps its own architecture
	}
	switch status.Mode(p) {
	case emulation.Native:
		return Native
	case emulation.Emulated:
		return Emulated
	case emulation.Builder:
		return EmulatedBuilder
	}
	return Impossible
}

// runsNatively: the node's own architecture needs no probe. Its variants do: BuildKit lists those that the processor has.
func (n Node) runsNatively(p platform.Platform, status emulation.Status) bool {
	own := n.Platforms[0]
	if own.Architecture == p.Architecture && own.OS == p.OS {
		return p.Variant == own.Variant || platform.Contains(n.Platforms, p)
	}
	return own.OS == p.OS && status.Mode(p) == emulation.Native
}

// foreign tells whether one of the platforms has another architecture than the node, so that a probe is worth its time.
func (n Node) foreign(ps []platform.Platform) bool {
	return slices.ContainsFunc(ps, func(p platform.Platform) bool { return p.Architecture != n.Platforms[0].Architecture })
}

// runsShared tells whether a program is run for two or more of the graphs at once.
func runsShared(graphs []graph.Graph, shared map[digest.Digest]int) bool {
	for _, g := range graphs {
		for _, s := range g.Steps {
			if s.Kind == graph.Exec && shared[s.Digest] > 1 {
				return true
			}
		}
	}
	return false
}
