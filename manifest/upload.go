package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// uploadsAtOnce bounds the concurrent blobs and manifests of one Upload.
const uploadsAtOnce = 4

// Upload copies an image, an index or a manifest with everything that belongs to it, into a repository by its digests; no tag
// moves. Existing content is not sent. Blobs that another repository of the registry is known to have are mounted from there, if
// the registry supports it: those of another Upload of this client, and those that src, a [*Source], reads from there. In an
// index, an attestation is written after the image that it is about, and the index itself last: when it exists, everything does.
//
// Blobs are read from src while they are sent, checked on the way, and read again when the registry lost one half way; src is
// used by several goroutines. An error is an [*Error], unless src failed or its bytes did not match a digest.
func (c *Client) Upload(ctx context.Context, repo reference.Named, root ocispecs.Descriptor, src content.Fetcher) error {
	return c.upload(ctx, repo, root, src, nil)
}

// UploadAttestation is Upload for an attestation that was just made. Provenance names the time of its build, so no registry is asked whether
// it has it, or an attestation with it. The image that it is about is not asked for either if the repository was seen to have it.
func (c *Client) UploadAttestation(ctx context.Context, repo reference.Named, root ocispecs.Descriptor, seen bool, src content.Fetcher) error {
	known := map[digest.Digest]bool{}
	body, err := content.FetchAll(ctx, src, root)
	if err != nil {
		return fmt.Errorf("push to %q: %w", reference.FamiliarName(repo), err)
	}
	m, err := document.Manifest(body)
	if err != nil {
		return fmt.Errorf("push to %q: %s: %w", reference.FamiliarName(repo), root.Digest, err)
	}
	if m.Subject != nil && seen {
		known[m.Subject.Digest] = true
	}
	for _, statement := range m.Layers {
		if strings.HasPrefix(statement.Annotations[annotationPredicate], provenance) {
			known[statement.Digest], known[root.Digest] = false, false
		}
	}
	return c.upload(ctx, repo, root, src, known)
}

// The annotation by which BuildKit names the kind of a statement, and the beginning of those of provenance.
const (
	annotationPredicate = "in-toto.io/predicate-type"
	provenance          = "https://slsa.dev/provenance/"
)

// upload is Upload. known says of some content whether the repository has it.
func (c *Client) upload(
	ctx context.Context, repo reference.Named, root ocispecs.Descriptor, src content.Fetcher, known map[digest.Digest]bool,
) error {
	op := fmt.Sprintf("push to %q", reference.FamiliarName(repo))
	r, err := c.repository(repo)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	// Otherwise oras-go would write a tag with the list of a manifest's referrers, where a registry does not keep that list by
	// itself.
	if err := r.SetReferrersCapability(true); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	u := &upload{client: c, repo: r, src: src, root: root, known: known}
	opt := oras.CopyGraphOptions{Concurrency: uploadsAtOnce, FindSuccessors: successors(root), MountFrom: u.siblings}
	err = oras.CopyGraph(r.pushScope(ctx), trustingSource{src}, u, root, opt)
	if err == nil && u.hadRoot.Load() {
		err = u.complete(ctx, opt)
	}
	return u.explain(ctx, op, err)
}

// complete uploads what an index that the repository had already is lacking there: a registry may have lost an image that it accepted.
func (u *upload) complete(ctx context.Context, opt oras.CopyGraphOptions) error {
	children, err := named(ctx, u.src, u.root)
	for _, child := range children {
		if err == nil {
			err = oras.CopyGraph(u.repo.pushScope(ctx), trustingSource{u.src}, u, child, opt)
		}
	}
	return err
}

// successors returns the descriptors that must exist before a descriptor is written: those that it names and, for an attestation
// in an index, the image that it is about.
func successors(root ocispecs.Descriptor) func(context.Context, content.Fetcher, ocispecs.Descriptor) ([]ocispecs.Descriptor, error) {
	var once sync.Once
	siblings := map[string][]ocispecs.Descriptor{} // of the root, by digest
	return func(ctx context.Context, src content.Fetcher, desc ocispecs.Descriptor) ([]ocispecs.Descriptor, error) {
		needed, err := named(ctx, src, desc)
		if err != nil || !IsAttestation(desc) || !IsIndex(root.MediaType) {
			return needed, err
		}
		once.Do(func() {
			var all []ocispecs.Descriptor
			all, err = named(ctx, src, root)
			for _, sibling := range all {
				siblings[sibling.Digest.String()] = append(siblings[sibling.Digest.String()], sibling)
			}
		})
		return append(needed, siblings[desc.Annotations[annotationReferenceDigest]]...), err
	}
}

// named returns the descriptors that an index or a manifest names; other types name nothing that belongs to them.
func named(ctx context.Context, src content.Fetcher, desc ocispecs.Descriptor) ([]ocispecs.Descriptor, error) {
	if FamilyOf(desc.MediaType) == "" {
		return nil, nil
	}
	if err := document.CheckSize(desc.Size); err != nil {
		return nil, &sourceError{fmt.Errorf("%s: %w", desc.Digest, err)}
	}
	body, err := content.FetchAll(ctx, src, desc)
	if err != nil {
		return nil, err
	}
	if IsIndex(desc.MediaType) {
		index, err := document.Index(body)
		if err != nil {
			return nil, &sourceError{fmt.Errorf("%s: %w", desc.Digest, err)}
		}
		return append(subject(index.Subject), index.Manifests...), nil
	}
	m, err := document.Manifest(body)
	if err != nil {
		return nil, &sourceError{fmt.Errorf("%s: %w", desc.Digest, err)}
	}
	return append(append(subject(m.Subject), m.Config), m.Layers...), nil
}

func subject(desc *ocispecs.Descriptor) []ocispecs.Descriptor {
	if desc == nil {
		return nil
	}
	return []ocispecs.Descriptor{*desc}
}

// trustingSource is a source that is assumed to have every blob.
type trustingSource struct{ content.Fetcher }

func (trustingSource) Exists(context.Context, ocispecs.Descriptor) (bool, error) { return true, nil }

// upload is a repository as oras-go writes to it.
type upload struct {
	client *Client
	repo   repository
	src    content.Fetcher
	root   ocispecs.Descriptor
	known  map[digest.Digest]bool // whether the repository has it
	// hadRoot reports whether the repository had the index itself.
	hadRoot atomic.Bool
}

// Fetch reads uploaded content; oras-go never calls it, but the storage interface has it.
func (u *upload) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	return u.repo.Fetch(ctx, desc)
}

// Exists reports whether the repository has a blob or a manifest. It asks for a blob once.
func (u *upload) Exists(ctx context.Context, desc ocispecs.Descriptor) (bool, error) {
	if there, ok := u.known[desc.Digest]; ok {
		return there, nil
	}
	if at, ok := u.client.blobs.Load(u.place(desc)); ok && at == u.repo.Reference.Repository {
		return true, nil
	}
	there, err := u.repo.Exists(ctx, desc)
	if there {
		u.keep(desc)
		if desc.Digest == u.root.Digest && IsIndex(desc.MediaType) {
			u.hadRoot.Store(true)
		}
	}
	return there, err
}

// Push writes a blob or a manifest. Manifests are small: they are held in memory, so that the transport can repeat the request.
func (u *upload) Push(ctx context.Context, desc ocispecs.Descriptor, body io.Reader) error {
	if FamilyOf(desc.MediaType) != "" {
		data, err := content.ReadAll(body, desc)
		if err != nil {
			return &sourceError{fmt.Errorf("read %s: %w", desc.Digest, err)}
		}
		if err := u.repo.Push(ctx, desc, bytes.NewReader(data)); err != nil {
			m, _ := document.Manifest(data) // an index has no configuration
			return &manifestError{mediaType: desc.MediaType, artifact: m.Config.MediaType == ocispecs.MediaTypeEmptyJSON, err: err}
		}
		return nil
	}
	if err := u.pushBlob(ctx, desc, body); err != nil {
		return err
	}
	u.keep(desc)
	return nil
}

// Mount mounts a blob from another repository of the registry, or pushes it, if that is not possible.
func (u *upload) Mount(ctx context.Context, desc ocispecs.Descriptor, from string, _ func() (io.ReadCloser, error)) error {
	if u.mount(ctx, desc, from) {
		u.keep(desc)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	body, err := u.src.Fetch(ctx, desc)
	if err != nil {
		return &sourceError{fmt.Errorf("read %s: %w", desc.Digest, err)}
	}
	return errors.Join(u.Push(ctx, desc, body), body.Close())
}

// mount reports whether the registry mounted a blob from another repository. Any answer but 201 means no, and so does a 201 with an
// upload that it has begun instead: the registry drops that by itself. The request is sent once: a blob that a registry cannot mount
// is uploaded.
func (u *upload) mount(ctx context.Context, desc ocispecs.Descriptor, from string) bool {
	source := u.repo.Reference
	source.Repository = from
	ctx = auth.AppendRepositoryScope(ctx, source, auth.ActionPull)
	query := url.Values{"mount": {desc.Digest.String()}, "from": {from}}
	resp, err := u.repo.startUpload(once(ctx), "?"+query.Encode())
	if err != nil {
		return false
	}
	discard(resp)
	says := resp.Header.Get("Docker-Content-Digest")
	return resp.StatusCode == http.StatusCreated && !strings.Contains(resp.Header.Get("Location"), "/blobs/uploads/") &&
		(says == "" || says == desc.Digest.String())
}

// blobPlace is a blob in a registry.
type blobPlace struct{ registry, digest string }

// keep records where a blob is.
func (u *upload) keep(desc ocispecs.Descriptor) {
	if FamilyOf(desc.MediaType) == "" {
		u.client.blobs.Store(u.place(desc), u.repo.Reference.Repository)
	}
}

func (u *upload) place(desc ocispecs.Descriptor) blobPlace {
	return blobPlace{u.repo.endpoint.name, desc.Digest.String()}
}

// Remember records that a repository has blobs: an Upload into another repository of the same registry mounts them from there, if
// the registry supports it.
func (c *Client) Remember(repo reference.Named, blobs ...ocispecs.Descriptor) {
	for _, desc := range blobs {
		c.blobs.Store(blobPlace{reference.Domain(repo), desc.Digest.String()}, reference.Path(repo))
	}
}

// siblings returns the other repositories of the registry that are known to have a blob, including the one that it comes from.
func (u *upload) siblings(_ context.Context, desc ocispecs.Descriptor) ([]string, error) {
	at, ok := u.client.blobs.Load(u.place(desc))
	if name, _ := at.(string); ok && name != u.repo.Reference.Repository {
		return []string{name}, nil
	}
	if from, ok := u.src.(*Source); ok && from.repo.endpoint == u.repo.endpoint {
		return []string{from.repo.Reference.Repository}, nil
	}
	return nil, nil
}

// sourceError is the failure of a source, not of a registry.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// manifestError is a registry's refusal of a manifest.
type manifestError struct {
	mediaType string
	artifact  bool // it has the empty configuration
	err       error
}

func (e *manifestError) Error() string { return e.err.Error() }
func (e *manifestError) Unwrap() error { return e.err }

// explain turns an error into that of an upload.
func (u *upload) explain(ctx context.Context, op string, err error) error {
	var source *sourceError
	var written *manifestError
	var failure *oras.CopyError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return u.repo.fail(ctx, op, err)
	case errors.As(err, &source):
		return fmt.Errorf("%s: %w", op, source.err)
	case errors.As(err, &written):
		return withFormatHint(u.repo.fail(ctx, op, written.err), written.mediaType, written.artifact)
	case errors.As(err, &failure) && failure.Origin == oras.CopyErrorOriginSource:
		return fmt.Errorf("%s: %w", op, failure.Err)
	case errors.As(err, &failure):
		return u.repo.fail(ctx, op, failure.Err)
	}
	return u.repo.fail(ctx, op, err)
}
