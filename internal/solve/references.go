package solve

import (
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Reference is a name from the command line or the environment that may be of a registry: the name of an image or of a host.
type Reference struct {
	Name string
	By   string // its origin, for messages: "the build argument BASE"
}

// References returns all references of a request: its tags, its caches, its named contexts, its SBOM generator, and the values of its build
// arguments.
func (r Request) References() []Reference {
	var refs []Reference
	for _, t := range r.Tags {
		refs = append(refs, Reference{t.String(), "the tag " + reference.FamiliarString(t)})
	}
	for _, repo := range r.ByDigest {
		refs = append(refs, Reference{repo.Name(), "the name " + reference.FamiliarName(repo)})
	}
	for _, name := range r.Cache.References() {
		refs = append(refs, Reference{name, "the cache " + name})
	}
	for _, attr := range slices.Sorted(maps.Keys(r.Source.Attrs)) {
		if image, ok := strings.CutPrefix(r.Source.Attrs[attr], "docker-image://"); ok {
			refs = append(refs, Reference{image, "the named context " + strings.TrimPrefix(attr, "context:")})
		}
	}
	refs = append(refs, ofArgs(r.BuildArgs)...)
	for _, p := range slices.Sorted(maps.Keys(r.Own)) {
		refs = append(refs, ofArgs(r.Own[p].BuildArgs)...)
	}
	if scanner := r.Scanner(); scanner != "" {
		refs = append(refs, Reference{scanner, "the generator " + scanner})
	}
	return refs
}

// ofArgs returns the references in build arguments. It shows no value, since it may be a secret.
func ofArgs(args map[string]string) (refs []Reference) {
	for _, k := range slices.Sorted(maps.Keys(args)) {
		refs = append(refs, Reference{args[k], "the build argument " + k})
	}
	return refs
}

// LoopbackImage returns as an error the first image in a registry on loopback that a local Dockerfile itself names; nil if there is none. A
// remote Dockerfile is known only when the builder reads it.
func (r Request) LoopbackImage() *preflight.HostNetworkError {
	for _, p := range r.perPlatform() {
		if err := preflight.LoopbackImage(r.Source.DockerfileOf(p), r.imageChoice(p)); err != nil {
			return err
		}
	}
	return nil
}

// perPlatform returns the platforms that may have Dockerfiles and values of their own.
func (r Request) perPlatform() []platform.Platform {
	if len(r.Platforms) == 0 {
		return []platform.Platform{{}}
	}
	return r.Platforms
}

func (r Request) imageChoice(p platform.Platform) dockerfile.Choice {
	return dockerfile.Choice{
		Args: r.buildArgs(p), Target: r.target(p), Named: r.Source.Replaces,
		Env: []string{
			"TARGETPLATFORM=" + platform.Format(p), "TARGETOS=" + p.OS, "TARGETARCH=" + p.Architecture, "TARGETVARIANT=" + p.Variant,
		},
	}
}
