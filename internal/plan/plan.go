// Package plan decides how each platform of a build is made, and on which node: natively, by a cross build, under an emulator, or not at
// all. Its input is the graphs of the frontends and the platforms that the nodes run. It sends no requests and changes nothing.
package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mode is how a platform's image is made on its node.
type Mode string

// The modes, from the best to the worst. Cross is an image for a platform that the node need not run: nothing is executed for it (FROM
// scratch and COPY), or only programs of the node's own platform (a cross compiler).
const (
	Native          Mode = "native"
	Cross           Mode = "cross"
	Emulated        Mode = "emulated"
	EmulatedBuilder Mode = "emulated (builder)"
	Impossible      Mode = "impossible"
)

// Emulated reports whether an emulator works for this platform.
func (m Mode) Emulated() bool { return m == Emulated || m == EmulatedBuilder }

// Job is one solve: a platform on a node, and how the node makes it.
type Job struct {
	Node     string
	Platform platform.Platform
	// Instead says which node would make the platform, and why it does not; "" if the platform is where it belongs.
	Instead string
	Mode    Mode
	// Emulator is the emulator of the job's platform in Mode Emulated: "qemu 7.2.22"; "" if it is not known.
	Emulator string
	// Missing are the platforms that the job's steps run on and that the node cannot run. Only an Impossible job has some.
	Missing []platform.Platform
	// ForTests reports that only the tests of the image need a missing platform, and no step does.
	ForTests bool
}

// Plan is how a build will make its platforms, in the order of the platforms asked for.
type Plan struct {
	Jobs []Job
	// Shared has the number of graphs of one node that contain a step, by the step's digest. A step with two or more runs once there.
	Shared map[digest.Digest]int
	// Programs are the steps that run a program, by their digests. A step that several nodes run has the mode of the worst of them.
	Programs map[digest.Digest]Program
	// Relocated has for each job the steps that are relocated from its platform to the node's own, and the reasons why others are not.
	Relocated []cross.Relocated
}

// String returns one line per job, for people and tests.
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

// Missing returns the platforms that no job can run, each once, in canonical order.
func (p Plan) Missing() []platform.Platform { return p.MissingOf(func(Job) bool { return true }) }

// MissingOf returns the missing platforms of some jobs.
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

// MissingForTests reports whether only tests need the missing platforms.
func (p Plan) MissingForTests() bool {
	return !slices.ContainsFunc(p.Jobs, func(j Job) bool { return len(j.Missing) > 0 && !j.ForTests })
}

// Recipes returns the recipes by which steps are relocated, by the steps' digests in the graph that is solved.
func (p Plan) Recipes() map[digest.Digest]string {
	all := map[digest.Digest]string{}
	for _, relocated := range p.Relocated {
		for _, s := range relocated.Steps {
			all[s.Digest] = s.Recipe
		}
	}
	return all
}

// New decides how the node of each target makes it, from the target's graph and from the platforms that the node runs. A target whose graph
// could not be read (it has already failed) counts as native: it has no requirements.
func New(on Placement, targets []platform.Platform, graphs []graph.Graph) Plan {
	p := Plan{Shared: map[digest.Digest]int{}, Programs: map[digest.Digest]Program{}}
	for i, target := range targets {
		p.Jobs = append(p.Jobs, on.job(i, target, graphs[i]))
	}
	for k := range on.Nodes {
		its := ForNode(on, k, graphs)
		for d, n := range graph.Shared(its...) {
			p.Shared[d] = max(p.Shared[d], n)
		}
		on.Nodes[k].addPrograms(p.Programs, its, on.Status[k])
	}
	return p
}

// With returns the plan with the job of a target replaced by the only job of another plan.
func (p Plan) With(target int, one Plan) Plan {
	p.Jobs, p.Programs = slices.Clone(p.Jobs), maps.Clone(p.Programs)
	p.Jobs[target] = one.Jobs[0]
	maps.Copy(p.Programs, one.Programs)
	p.Relocated = slices.Clone(p.Relocated)
	if len(one.Relocated) > 0 && target < len(p.Relocated) {
		p.Relocated[target] = one.Relocated[0]
	}
	return p
}

func (p Placement) job(i int, target platform.Platform, g graph.Graph) Job {
	node, status := p.Nodes[p.On[i]], p.Status[p.On[i]]
	job := Job{Node: node.Name, Platform: target, Mode: Cross}
	if len(p.Instead) > 0 {
		job.Instead = p.Instead[i]
	}
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
