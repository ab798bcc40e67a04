package baseimage

import (
	"context"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Base is an image that platforms of a build start or copy from, at one line of a Dockerfile.
type Base struct {
	graph.ImageRef // its Platform is the one that the image is fetched for
	File           string
	Line           int
	Places         []graph.Place // all lines that name it, File and Line first
	Targets        []Target
	// Config is the platform in the image's configuration; zero if it is not known yet.
	Config platform.Platform
}

// Target is a platform of the build that takes a base image.
type Target struct {
	Index    int // among the platforms of the build
	Platform platform.Platform
	// Decisive reports whether the result is made on the image, or programs for the platform run on it. An image that is only copied from,
	// or that runs for the builder, may be for any platform.
	Decisive bool
}

// FromGraphs returns the images of the graphs, which have the indexes of targets, in the order of their first use. known has, by the same index, the
// platform that a frontend has found in the configuration of the result's base image.
func FromGraphs(targets []platform.Platform, graphs []graph.Graph, known []platform.Platform) []Base {
	var all []Base
	for i, g := range graphs {
		decisive := decisiveBases(g, targets[i])
		chain := g.Chain()
		for _, s := range g.Sources() {
			ref, ok := s.Image()
			if !ok {
				continue
			}
			k := slices.IndexFunc(all, func(b Base) bool { return b.is(ref) && b.File == s.File && b.Line == s.Line })
			if k < 0 {
				k, all = len(all), append(all, Base{ImageRef: ref, File: s.File, Line: s.Line, Places: s.Places})
				if len(s.Places) == 0 {
					all[k].Places = []graph.Place{{}} // it has no place in a Dockerfile, and is a base image nevertheless
				}
			}
			all[k].Targets = append(all[k].Targets, Target{i, targets[i], decisive[s.Digest]})
			if s.Digest == chain[0].Digest && known[i].Architecture != "" && known[i].OS != "" {
				all[k].Config = platform.Normalize(known[i])
			}
		}
	}
	return all
}

func (b Base) is(ref graph.ImageRef) bool {
	return b.Name == ref.Name && b.Digest == ref.Digest && platform.Equal(b.Platform, ref.Platform)
}

// decisiveBases returns the steps that begin the file system of the result, or that of a program for the target.
func decisiveBases(g graph.Graph, target platform.Platform) map[digest.Digest]bool {
	found := map[digest.Digest]bool{}
	bases := g.Bases()
	for i, s := range g.Steps {
		if i == len(g.Steps)-1 || s.Kind == graph.Exec && platform.Equal(s.Platform, target) {
			found[bases[s.Digest]] = true
		}
	}
	return found
}

// Configured completes the platforms of the configurations: it asks nodes for those that no frontend has reported. A node has read them for
// its frontends, so it reads them from its store.
func Configured(ctx context.Context, all []Base, at At) []Base {
	known := slices.Clone(all)
	same := func(i int) int {
		said := slices.IndexFunc(all, func(o Base) bool { return o.is(all[i].ImageRef) && o.Config.Architecture != "" })
		if said >= 0 {
			return said
		}
		return slices.IndexFunc(all, func(o Base) bool { return o.is(all[i].ImageRef) })
	}
	var asking sync.WaitGroup
	for i, b := range all {
		if b.Config.Architecture == "" && same(i) == i {
			asking.Go(func() { known[i].Config = at(b.Targets[0].Index).configured(ctx, b.Pinned(), b.Platform) })
		}
	}
	asking.Wait()
	for i := range known {
		known[i].Config = known[same(i)].Config
	}
	return known
}

// Mismatches reports whether the configuration is known, and of another platform than the image is fetched for.
func (b Base) Mismatches() bool {
	return b.Config.Architecture != "" && (b.Config.OS != b.Platform.OS || b.Config.Architecture != b.Platform.Architecture)
}

// Pinned returns the image's name with its digest, if the digest is known: a frontend does not report the digest of an image that
// --build-context substitutes.
func (b Base) Pinned() string {
	if b.Digest == "" {
		return b.Name
	}
	return b.Name + "@" + b.Digest.String()
}

// ImagePlatforms returns the platforms of the image.
func (b Base) ImagePlatforms(ctx context.Context, at At) ImagePlatforms {
	return at(b.Targets[0].Index).ImagePlatforms(ctx, b.Name, b.Digest)
}

// usesTargetPlatform reports whether the base image is pulled for the target platform, as far as the graphs show.
func (b Base) usesTargetPlatform() bool {
	return slices.ContainsFunc(b.Targets, func(t Target) bool { return platform.Equal(t.Platform, b.Platform) })
}
