package sink

import (
	"context"
	"io"
	"slices"
	"strings"

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

// Result makes one index of the images (in the order of the platforms) of a build for the targets.
func (d Delivery) Result(targets []platform.Platform, children []index.Child, note func(string)) (Result, error) {
	r := Result{Children: children}
	if !d.MakesImages() {
		return r, nil
	}
	var err error
	if r.Index, err = d.assemble(targets, children, note); err != nil {
		return r, err
	}
	r.Root = r.Index.Descriptor
	r.Root.Annotations = d.Annotations.At(index.OnIndexDescriptor, nil)
	return r, nil
}

// assemble makes what the names will point at. A single platform's own manifest will do, unless more were asked for, or an index was, or
// something needs one.
func (d Delivery) assemble(targets []platform.Platform, children []index.Child, note func(string)) (index.Index, error) {
	as := d.Annotations
	if len(targets) == 1 && !d.Index && !d.Attested() && !as.Has(index.OnIndex) && !as.Has(index.OnManifestDescriptor) {
		return children[0].Alone(), nil
	}
	return index.Assemble(index.Parts(children, as), manifest.IndexOptions{
		Family: d.MediaTypes, Annotations: d.indexAnnotations(targets, children, note),
	})
}

// indexAnnotations are those of the index, which says what it lacks. A Docker manifest list has none.
func (d Delivery) indexAnnotations(targets []platform.Platform, children []index.Child, note func(string)) map[string]string {
	all := d.Annotations.At(index.OnIndex, nil)
	var missing []string
	for _, p := range targets {
		if !slices.ContainsFunc(children, func(c index.Child) bool { return platform.Equal(c.Platform, p) }) {
			missing = append(missing, platform.Format(p))
		}
	}
	if len(missing) == 0 {
		return all
	}
	if d.MediaTypes == manifest.Docker {
		note("warning: a Docker manifest list has no annotations, so it does not say that it lacks " + strings.Join(missing, ", "))
		return all
	}
	if all == nil {
		all = map[string]string{}
	}
	all[manifest.MissingPlatforms] = strings.Join(missing, ",")
	return all
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
