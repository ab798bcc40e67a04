// Package plan says how each platform of a build is made, and on which node: natively, by a cross build, under an emulator, or not at all. It decides from
// the graphs that frontends gave and from what nodes were found to run; it asks nobody and changes nothing.
package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

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
	// Shared counts in how many graphs of one node each step is, by its digest: a step of two or more runs once there.
	Shared map[digest.Digest]int
	// Programs are the steps that run one, by their digests. One that several nodes run is as the node runs it that does it worst.
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
func (p Plan) Missing() []platform.Platform { return p.MissingOf(func(Job) bool { return true }) }

// MissingOf are those of some jobs.
func (p Plan) MissingOf(of func(Job) bool) []platform.Platform {
	var all []platform.Platform
	for _, j := range p.Jobs {
		if of(j) {
			all = append(all, j.Missing...)
		}
	}
	slices.SortFunc(all, platform.Compare)
	return slices.CompactFunc(all, platform.Equal)
}

// LacksForTests reports whether only tests need what the plan lacks.
func (p Plan) LacksForTests() bool {
	return !slices.ContainsFunc(p.Jobs, func(j Job) bool { return len(j.Missing) > 0 && !j.ForTests })
}

// Recipes are the recipes by which steps are moved, by the steps' digests in what is solved.
func (p Plan) Recipes() map[digest.Digest]string {
	all := map[digest.Digest]string{}
	for _, moved := range p.Moved {
		for _, s := range moved.Steps {
			all[s.Digest] = s.Recipe
		}
	}
	return all
}

// New decides how the node of each target makes it, from the target's graph and from what the node runs. A target whose graph could not be
// read (it failed already) counts as native: it asks for nothing.
func New(on Placement, targets []platform.Platform, graphs []graph.Graph) Plan {
	p := Plan{Shared: map[digest.Digest]int{}, Programs: map[digest.Digest]Program{}}
	for i, target := range targets {
		p.Jobs = append(p.Jobs, on.job(i, target, graphs[i]))
	}
	for k := range on.Nodes {
		its := Of(on, k, graphs)
		for d, n := range graph.Shared(its...) {
			p.Shared[d] = max(p.Shared[d], n)
		}
		on.Nodes[k].addPrograms(p.Programs, its, on.Status[k])
	}
	return p
}

func (p Placement) job(i int, target platform.Platform, g graph.Graph) Job {
	node, status := p.Nodes[p.On[i]], p.Status[p.On[i]]
	job := Job{Node: node.Name, Platform: target, Mode: Cross}
	if node.RunsNatively(target, status) {
		job.Mode = Native
	}
	for _, run := range g.Runs() {
		job.Mode = worse(job.Mode, node.Mode(run, status))
		if node.Mode(run, status) == Impossible {
			job.Missing = append(job.Missing, run)
		}
	}
	if sup, ok := status.Arch(target.Architecture); ok && job.Mode == Emulated && sup.Version != "" {
		job.Emulator = "qemu " + sup.Version
	}
	return job
}

func worse(a, b Mode) Mode {
	order := []Mode{Native, Cross, Emulated, EmulatedBuilder, Impossible}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}
