package solve

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const quietVertex = baseimage.QuietVertex

// base is an image that platforms of a build start or copy from, at one line of a Dockerfile.
type base struct {
	graph.ImageRef // its Platform is what the image is fetched for
	file           string
	line           int
	places         []graph.Place // all lines that name it, file and line first
	targets        []baseTarget
	// config is the platform in the image's configuration; zero if nobody has said it yet.
	config platform.Platform
}

// baseTarget is a platform of the build that takes the base.
type baseTarget struct {
	platform platform.Platform
	// decisive: the result is made on the image, or programs for the platform run on it. What is only copied from, or runs for the
	// builder, may be for any platform.
	decisive bool
}

// bases are the images of the graphs, which are by the index of targets, in the order in which they are met. What frontends have said
// of the images that their results are made on is in reports.
func bases(targets []platform.Platform, graphs []graph.Graph, reports []report) []base {
	var all []base
	for i, g := range graphs {
		decisive := decisiveBases(g, targets[i])
		chain := g.Chain()
		for _, s := range g.Sources() {
			ref, ok := s.Image()
			if !ok {
				continue
			}
			k := slices.IndexFunc(all, func(b base) bool { return b.is(ref) && b.file == s.File && b.line == s.Line })
			if k < 0 {
				k, all = len(all), append(all, base{ImageRef: ref, file: s.File, line: s.Line, places: s.Places})
				if len(s.Places) == 0 {
					all[k].places = []graph.Place{{}} // written nowhere, and a base all the same
				}
			}
			all[k].targets = append(all[k].targets, baseTarget{targets[i], decisive[s.Digest]})
			if said := reports[i].base; s.Digest == chain[0].Digest && said.Architecture != "" && said.OS != "" {
				all[k].config = platform.Normalize(said)
			}
		}
	}
	return all
}

func (b base) is(ref graph.ImageRef) bool {
	return b.Name == ref.Name && b.Digest == ref.Digest && platform.Equal(b.Platform, ref.Platform)
}

// decisiveBases are the steps that the result's file system begins with, or that of a program for the target.
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

// configured completes the platforms of the bases' configurations: the builder is asked for those that no frontend has said. It has
// read them for the frontends, so it reads them from its store.
func configured(ctx context.Context, gw gateway.Client, all []base) []base {
	known := slices.Clone(all)
	same := func(i int) int {
		said := slices.IndexFunc(all, func(o base) bool { return o.is(all[i].ImageRef) && o.config.Architecture != "" })
		if said >= 0 {
			return said
		}
		return slices.IndexFunc(all, func(o base) bool { return o.is(all[i].ImageRef) })
	}
	var asking sync.WaitGroup
	for i, b := range all {
		if b.config.Architecture == "" && same(i) == i {
			asking.Go(func() { known[i].config = imagePlatform(ctx, gw, b.pinned(), b.Platform) })
		}
	}
	asking.Wait()
	for i := range known {
		known[i].config = known[same(i)].config
	}
	return known
}

// mismatches: the configuration is known, and of another platform than the image is fetched for.
func (b base) mismatches() bool {
	return b.config.Architecture != "" && (b.config.OS != b.Platform.OS || b.config.Architecture != b.Platform.Architecture)
}

// pinned names the very image, as far as that is known: a frontend does not say the digest of what --build-context puts in an image's place.
func (b base) pinned() string {
	if b.Digest == "" {
		return b.Name
	}
	return b.Name + "@" + b.Digest.String()
}

// familiar is the name as people write it.
func (b base) familiar() string { return familiar(b.Name) }

func familiar(name string) string { return baseimage.Familiar(name) }

// imagePlatform is the platform in the configuration of an image that the builder fetches for p; zero if nobody says.
func imagePlatform(ctx context.Context, gw gateway.Client, ref string, p platform.Platform) platform.Platform {
	_, _, config, err := gw.ResolveImageConfig(ctx, ref, sourceresolver.Opt{
		LogName: quietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &p},
	})
	var img ocispecs.Image
	if err != nil || json.Unmarshal(config, &img) != nil || img.Architecture == "" || img.OS == "" {
		return platform.Platform{}
	}
	return platform.Normalize(img.Platform)
}
