package sink

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/nodeserver"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Result is a build's result before it has a name.
type Result struct {
	// Index is the target of the names: an index, or the manifest of a single image. Children are its images, in the order of the
	// platforms. Without images all of it is zero.
	Index    index.Index
	Children []index.Child
	// Root is the index's descriptor in the list of an archive or an engine, with its annotations.
	Root ocispecs.Descriptor
	// Native is the builder's own platform.
	Native platform.Platform

	once *transfer.Once // the content of Index, once Sinks was called
}

// Env has the services that the sinks use. Engine and Stdout may be nil if no sink needs them.
type Env struct {
	Registry *manifest.Client
	Engine   *engine.Engine
	Stdout   io.Writer
	// Note receives messages for the user. During runs work, and shows it if it lasts; Moving does so with the bytes that it counts.
	Note   diag.Notes
	During func(what string, work func() error) error
	Moving func(what string, work func(*transfer.Meter) error) error
	// Beside returns the node whose layers a child reads, if Engine is the engine beside it and can fetch them there; otherwise nil.
	Beside func(ctx context.Context, layers content.Fetcher) *nodeserver.Node
}

// Result assembles one index of a build's images (in the order of the platforms) for the targets.
func (d Delivery) Result(targets []platform.Platform, children []index.Child, note diag.Notes) (Result, error) {
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

// assemble makes the target of the names. That is a single platform's own manifest, unless several platforms or an index were requested, or
// something else requires an index.
func (d Delivery) assemble(targets []platform.Platform, children []index.Child, note diag.Notes) (index.Index, error) {
	as := d.Annotations
	if len(targets) == 1 && !d.Index && !d.Attested() && !as.Has(index.OnIndex) && !as.Has(index.OnManifestDescriptor) {
		return children[0].Alone(), nil
	}
	return index.Assemble(index.Parts(children, as), manifest.IndexOptions{
		Family: d.MediaTypes, Annotations: d.indexAnnotations(targets, children, note),
	})
}

// indexAnnotations returns the annotations of the index, one of which lists the missing platforms. A Docker manifest list has none.
func (d Delivery) indexAnnotations(targets []platform.Platform, children []index.Child, note diag.Notes) map[string]string {
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
		note(diag.Warningf("a Docker manifest list has no annotations, so it does not say that it lacks %s", strings.Join(missing, ", ")))
		return all
	}
	if all == nil {
		all = map[string]string{}
	}
	all[manifest.MissingPlatforms] = strings.Join(missing, ",")
	return all
}

// pushAttestations pushes the images' attestations to repositories that have the images.
func (r Result) pushAttestations(ctx context.Context, registry *manifest.Client, repos []reference.Named) error {
	for _, c := range r.Children {
		for _, repo := range repos {
			for _, attestation := range c.Attestations {
				if err := registry.UploadAttestation(ctx, repo, attestation, c.SeenIn(repo), r.Index.Blobs); err != nil {
					return &index.PushError{Err: err}
				}
			}
		}
	}
	return nil
}

// images returns the images that the registries are known to have.
func (r Result) images() []manifest.Image {
	var all []manifest.Image
	for _, c := range r.Children {
		all = append(all, c.Image)
		for _, repo := range c.Also {
			copied := c.Image
			copied.Repository = repo
			all = append(all, copied)
		}
	}
	return all
}

// layers returns the layers of all images, in their order; one of several images is listed as often.
func (r Result) layers() (all []ocispecs.Descriptor) {
	for _, c := range r.Children {
		all = append(all, c.Image.Layers...)
	}
	return all
}

// arrived adds a place where all layers are from now on, so that no output reads them from their nodes again.
func (r Result) arrived(at content.Fetcher) {
	if r.once != nil {
		r.once.Arrived(at)
	}
}

func (r Result) platforms() []platform.Platform {
	all := make([]platform.Platform, len(r.Children))
	for i, c := range r.Children {
		all[i] = c.Platform
	}
	return all
}
