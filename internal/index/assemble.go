package index

import (
	"context"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Part is an image in an index, with its attestations and the stores of its content.
type Part struct {
	// Descriptor is the image's entry, with its platform and its annotations.
	Descriptor ocispecs.Descriptor
	// Attestations are the entries of the attestation manifests.
	Attestations []ocispecs.Descriptor
	// Documents has the content that is in memory; nil has nothing.
	Documents content.Fetcher
	// Stored are blobs of Store, which are read there on demand.
	Stored []ocispecs.Descriptor
	Store  content.Fetcher
}

// Index is an index with all of its content. It may also be the manifest of a single image.
type Index struct {
	Descriptor ocispecs.Descriptor
	Body       []byte
	Blobs      content.Fetcher
}

// Assemble makes an index of the parts. Its errors are those of [manifest.Index].
func Assemble(parts []Part, opt manifest.IndexOptions) (Index, error) {
	desc, body, err := manifest.Index(Entries(parts), opt)
	if err != nil {
		return Index{}, err
	}
	return newIndex(desc, body, parts), nil
}

// alone returns the manifest of a single image, without an index around it.
func alone(part Part, body []byte) Index {
	desc := ocispecs.Descriptor{MediaType: part.Descriptor.MediaType, Digest: part.Descriptor.Digest, Size: part.Descriptor.Size}
	return newIndex(desc, body, []Part{part})
}

func newIndex(desc ocispecs.Descriptor, body []byte, parts []Part) Index {
	blobs := BlobsOf(parts)
	blobs.documents = append(blobs.documents, Bodies{desc.Digest: body})
	return Index{Descriptor: desc, Body: body, Blobs: blobs}
}

// Entries returns the entries of an index of the parts.
func Entries(parts []Part) (all []ocispecs.Descriptor) {
	for _, p := range parts {
		all = append(append(all, p.Descriptor), p.Attestations...)
	}
	return all
}

// PushError says that a registry did not accept everything of a result that is otherwise ready. Tags are the results for the tags.
type PushError struct {
	Err  error
	Tags []manifest.TagResult
}

func (e *PushError) Error() string { return e.Err.Error() }
func (e *PushError) Unwrap() error { return e.Err }

// Upload uploads the index, with all of its content, into a repository by its digest.
func (x Index) Upload(ctx context.Context, c *manifest.Client, repo reference.Named) error {
	return c.Upload(ctx, repo, x.Descriptor, x.Blobs)
}

// Publish moves tags to the index. Its content must be in their repositories. The request needs neither descriptor nor body.
func (x Index) Publish(ctx context.Context, c *manifest.Client, req manifest.PublishRequest) ([]manifest.TagResult, error) {
	req.Descriptor, req.Body = x.Descriptor, x.Body
	return c.Publish(ctx, req)
}

// UploadAll uploads manifests, each with all of its content, in their order.
func UploadAll(ctx context.Context, c *manifest.Client, repo reference.Named, blobs content.Fetcher, descs ...ocispecs.Descriptor) error {
	for _, desc := range descs {
		if err := c.Upload(ctx, repo, desc, blobs); err != nil {
			return err
		}
	}
	return nil
}

// Repositories returns the distinct repositories of names, in the order of their first appearance.
func Repositories[N reference.Named](names []N, more ...reference.Named) (repos []reference.Named) {
	seen := map[string]bool{}
	add := func(name reference.Named) {
		if !seen[name.Name()] {
			seen[name.Name()] = true
			repos = append(repos, reference.TrimNamed(name))
		}
	}
	for _, name := range names {
		add(name)
	}
	for _, name := range more {
		add(name)
	}
	return repos
}
