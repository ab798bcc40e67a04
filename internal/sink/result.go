package sink

import (
	"context"
	"io"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Result is what a build has made, before it has a name.
type Result struct {
	// Index is what the names will point at: an index, or the manifest of a single image. Children are its images, in the order of the
	// platforms. Without images all of it is zero.
	Index    index.Index
	Children []index.Child
	// Root is the index as an archive's or an engine's list has it, with its annotations.
	Root ocispecs.Descriptor
	// Native is the builder's own platform.
	Native platform.Platform
}

// Env is what the sinks talk to. Engine and Stdout may be nil if no sink needs them.
type Env struct {
	Registry *manifest.Client
	Engine   *engine.Engine
	Stdout   io.Writer
	// Note is told one line for the user; During does work that is shown if it lasts.
	Note   func(line string)
	During func(what string, work func() error) error
}

// Registries are destinations that the builder has pushed the images to already.
type Registries struct {
	Tags     []reference.NamedTagged // in the order in which they move
	ByDigest []reference.Named
}

// pushAttestations brings what attests the images to repositories that have the images themselves.
func (r Result) pushAttestations(ctx context.Context, registry *manifest.Client, repos []reference.Named) error {
	for _, c := range r.Children {
		for _, repo := range repos {
			if err := index.Bring(ctx, registry, repo, r.Index.Blobs, c.Attestations...); err != nil {
				return &index.PushError{Err: err}
			}
		}
	}
	return nil
}

// images are those that the registries are known to have.
func (r Result) images() []manifest.Image {
	all := make([]manifest.Image, len(r.Children))
	for i, c := range r.Children {
		all[i] = c.Image
	}
	return all
}

func (r Result) platforms() []platform.Platform {
	all := make([]platform.Platform, len(r.Children))
	for i, c := range r.Children {
		all[i] = c.Platform
	}
	return all
}
