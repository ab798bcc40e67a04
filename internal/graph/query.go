package graph

import (
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Runs returns the platforms for which the build executes a program, each once, in the canonical order of package platform. It is
// empty if no program runs at all, as for an image FROM scratch that files are copied to. It leaves out a program whose operation
// names no platform, since that runs on the builder's own and needs nothing.
func (g Graph) Runs() []platform.Platform {
	var ps []platform.Platform
	for _, s := range g.Steps {
		if s.Kind == Exec && s.Platform.Architecture != "" {
			ps = append(ps, s.Platform)
		}
	}
	slices.SortFunc(ps, platform.Compare)
	return slices.CompactFunc(ps, platform.Equal)
}

// Sources returns the steps that fetch something, in the order of g.
func (g Graph) Sources() []Step {
	var out []Step
	for _, s := range g.Steps {
		if s.Kind == Source {
			out = append(out, s)
		}
	}
	return out
}

// CacheMounts returns the steps that run with a cache mount, in the order of g.
func (g Graph) CacheMounts() []Step {
	var out []Step
	for _, s := range g.Steps {
		if slices.ContainsFunc(s.Mounts, func(m Mount) bool { return m.Type == "cache" }) {
			out = append(out, s)
		}
	}
	return out
}

// Within reports whether all steps of the graph come from lines that steps of the other graph come from, too. Then the frontend has nothing
// to say about the lines of this graph that it has not said about the other's.
func (g Graph) Within(other Graph) bool {
	known := map[Place]bool{}
	for _, s := range other.Steps {
		for _, p := range s.Places {
			known[p] = true
		}
	}
	return !slices.ContainsFunc(g.Steps, func(s Step) bool {
		return slices.ContainsFunc(s.Places, func(p Place) bool { return !known[p] })
	})
}

// Shared counts for each step the graphs that have it. BuildKit runs a step of several graphs once when they are solved at the
// same time, or finds it in its cache, so a caller shows it once. Steps that use the context are shared only if all solves name
// the same session for it, whose ID is in the source.
func Shared(gs ...Graph) map[digest.Digest]int {
	counts := make(map[digest.Digest]int)
	for _, g := range gs {
		for _, s := range g.Steps { // a graph has each step once
			counts[s.Digest]++
		}
	}
	return counts
}

// Chain returns the steps that made the result's file system, one on top of the other, from the base image, if any, to the last
// step.
func (g Graph) Chain() []Step {
	if len(g.Steps) == 0 {
		return nil
	}
	return ChainTo(g.ByDigest(), g.Steps[len(g.Steps)-1])
}

// ChainTo returns the chain of a step's file system. steps has all steps of the step's graph.
func ChainTo(steps map[digest.Digest]Step, s Step) []Step {
	chain := []Step{s}
	for s.Root != "" {
		s = steps[s.Root] // Read has checked that all inputs exist
		chain = append(chain, s)
	}
	slices.Reverse(chain)
	return chain
}

// ByDigest returns the steps by their digests.
func (g Graph) ByDigest() map[digest.Digest]Step {
	steps := make(map[digest.Digest]Step, len(g.Steps))
	for _, s := range g.Steps {
		steps[s.Digest] = s
	}
	return steps
}

// Bases returns for each step, by digest, the step that its file system begins with, such as a base image. A step that goes on
// from nothing is its own.
func (g Graph) Bases() map[digest.Digest]digest.Digest {
	bases := make(map[digest.Digest]digest.Digest, len(g.Steps))
	for _, s := range g.Steps { // inputs come first
		bases[s.Digest] = s.Digest
		if s.Root != "" {
			bases[s.Digest] = bases[s.Root]
		}
	}
	return bases
}
