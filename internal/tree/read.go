package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

const (
	// readsAtOnce bounds the concurrent reads of one tree.
	readsAtOnce = 8
	// maxTime bounds the time for reading the documents of one tree.
	maxTime = 10 * time.Minute
)

// Problem is a document that could not be read.
type Problem struct {
	Descriptor ocispecs.Descriptor // the parent's entry for it
	Err        error
}

func (p Problem) Error() string { return fmt.Sprintf("read %s: %v", p.Descriptor.Digest, p.Err) }
func (p Problem) Unwrap() error { return p.Err }

// Read reads all documents of a tree, several at a time. It fails with a [Problem] for the first that is missing or broken.
func Read(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher) (Tree, error) {
	t, _, err := read(ctx, root, blobs, true)
	return t, err
}

// Examine reads the documents that exist. Problems are in the order of the index. It fails if the root cannot be read, or the
// context ends.
func Examine(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher) (Tree, []Problem, error) {
	return read(ctx, root, blobs, false)
}

// entry is a manifest that an index refers to, and its documents.
type entry struct {
	Image
	problems []Problem
	opaque   bool // not a known kind of manifest
}

type reader struct {
	*documentCache
	root        ocispecs.Descriptor
	strict      bool
	entries     []*entry
	documentKey int // number of entries of all indexes
	// problems are those of nested indexes.
	problems []Problem
}

func read(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher, strict bool) (Tree, []Problem, error) {
	if manifest.FamilyOf(root.MediaType) == "" {
		return Tree{}, nil, Problem{root, fmt.Errorf("%q is neither an index nor a manifest", root.MediaType)}
	}
	ctx, stop := context.WithTimeoutCause(ctx, maxTime, fmt.Errorf("the documents of %s were not read within %s", root.Digest, maxTime))
	defer stop()
	t := Tree{Root: root}
	r := &reader{documentCache: &documentCache{blobs: blobs}, root: root, strict: strict}
	err := r.start(ctx, &t)
	if err == nil {
		err = r.documents(ctx)
	}
	if err != nil {
		return Tree{}, nil, err
	}
	return t, r.sort(&t), nil
}

// start reads the root, and lists the entries.
func (r *reader) start(ctx context.Context, t *Tree) error {
	if !manifest.IsIndex(r.root.MediaType) {
		m := r.manifest(ctx, r.root)
		if m.err != nil {
			return Problem{r.root, m.err}
		}
		t.Body, r.entries = m.body, []*entry{{Image: Image{Descriptor: r.root}}}
		return nil
	}
	index := r.index(ctx, r.root)
	if index.err != nil {
		return Problem{r.root, index.err}
	}
	t.Body, t.Annotations = index.body, index.value.Annotations
	return r.flatten(ctx, index.value, 1)
}

// flatten lists the entries of an index and of its nested indexes.
func (r *reader) flatten(ctx context.Context, index ocispecs.Index, depth int) error {
	if r.documentKey += len(index.Manifests); r.documentKey > document.MaxEntries {
		return Problem{r.root, fmt.Errorf("its indexes have more than %d entries in all, the most that is read", document.MaxEntries)}
	}
	for _, desc := range index.Manifests {
		if !manifest.IsIndex(desc.MediaType) {
			r.entries = append(r.entries, &entry{Image: Image{Descriptor: desc, Entry: desc.Platform}, opaque: manifest.FamilyOf(desc.MediaType) == ""})
			continue
		}
		inner := r.index(ctx, desc)
		if inner.err == nil && depth == document.MaxDepth {
			inner.err = fmt.Errorf("more than %d nested indexes", document.MaxDepth)
		}
		switch {
		case inner.err == nil:
			if err := r.flatten(ctx, inner.value, depth+1); err != nil {
				return err
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.strict, errors.Is(inner.err, errTooMuch):
			return Problem{desc, inner.err}
		default:
			r.problems = append(r.problems, Problem{desc, inner.err})
		}
	}
	return nil
}

// documents reads the manifests of all entries, and the configurations of the images among them.
func (r *reader) documents(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(readsAtOnce)
	for _, e := range r.entries {
		if e.opaque {
			continue
		}
		group.Go(func() error {
			e.read(groupCtx, r.documentCache)
			if len(e.problems) > 0 && (r.strict || errors.Is(e.problems[0].Err, errTooMuch)) {
				return e.problems[0]
			}
			return groupCtx.Err()
		})
	}
	err := group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (e *entry) read(ctx context.Context, d *documentCache) {
	m := d.manifest(ctx, e.Descriptor)
	if m.err != nil {
		e.problems = append(e.problems, Problem{e.Descriptor, m.err})
		return
	}
	e.Manifest, e.Body = m.value, m.body
	if manifest.IsAttestation(e.Descriptor) || !IsImage(e.Manifest) {
		return
	}
	config := d.config(ctx, e.Manifest.Config)
	if config.err != nil {
		e.problems = append(e.problems, Problem{e.Manifest.Config, config.err})
		return
	}
	e.Config, e.ConfigBody = config.value, config.body
}

// sort sorts the entries into the tree, and returns the problems.
func (r *reader) sort(t *Tree) []Problem {
	problems := r.problems
	for _, e := range r.entries {
		problems = append(problems, e.problems...)
		switch {
		case manifest.IsAttestation(e.Descriptor):
		case e.Body != nil && IsImage(e.Manifest), e.Body == nil && !e.opaque:
			e.Descriptor.Platform = complete(e.Entry, e.Config.Platform)
			t.Images = append(t.Images, e.Image)
		default:
			t.addOther(e)
		}
	}
	slices.SortStableFunc(t.Images, compareImages)
	places := make(map[string]int, len(t.Images)) // the first of each digest
	for i, img := range slices.Backward(t.Images) {
		places[img.Descriptor.Digest.String()] = i
	}
	for _, e := range r.entries {
		if !manifest.IsAttestation(e.Descriptor) {
			continue
		}
		if i, ok := places[Subject(e.Descriptor)]; ok {
			t.Images[i].Attestations = append(t.Images[i].Attestations, Attestation{Descriptor: e.Descriptor, Body: e.Body, Manifest: e.Manifest})
		} else {
			t.addOther(e)
		}
	}
	return problems
}

// addOther adds the entry's descriptor with its artifact type.
func (t *Tree) addOther(e *entry) {
	desc := e.Descriptor
	if desc.ArtifactType == "" {
		desc.ArtifactType = e.Manifest.ArtifactType
	}
	if desc.ArtifactType == "" && e.Manifest.Config.MediaType != ocispecs.MediaTypeEmptyJSON {
		desc.ArtifactType = e.Manifest.Config.MediaType
	}
	t.Others = append(t.Others, desc)
	if e.Body != nil {
		if t.Artifacts == nil {
			t.Artifacts = map[digest.Digest]ocispecs.Manifest{}
		}
		t.Artifacts[desc.Digest] = e.Manifest
	}
}
