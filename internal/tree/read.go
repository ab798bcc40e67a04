package tree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

const (
	// readsAtOnce bounds the reads of one tree that are under way at the same time.
	readsAtOnce = 8
	// maxDocument is the size in bytes up to which documents are read, the one up to which registries take manifests
	// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
	maxDocument = 4 << 20
	// maxDepth bounds indexes in indexes.
	maxDepth = 8
)

// Problem is a document that could not be read.
type Problem struct {
	Descriptor ocispecs.Descriptor // as its parent has it
	Err        error
}

func (p Problem) Error() string { return fmt.Sprintf("read %s: %v", p.Descriptor.Digest, p.Err) }
func (p Problem) Unwrap() error { return p.Err }

// Read reads all documents of a tree, several at a time. The first that is missing or broken is the error, a [Problem].
func Read(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher) (Tree, error) {
	t, _, err := read(ctx, root, blobs, true)
	return t, err
}

// Examine reads what is there. Problems are in the order of the index; the error is the root's own, or the context's.
func Examine(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher) (Tree, []Problem, error) {
	return read(ctx, root, blobs, false)
}

// entry is a manifest that an index names, and what was read of it.
type entry struct {
	Image
	problems []Problem
	opaque   bool // no manifest that is known
}

type reader struct {
	blobs   content.Fetcher
	strict  bool
	entries []*entry
	// problems are those of indexes in the index.
	problems []Problem
}

func read(ctx context.Context, root ocispecs.Descriptor, blobs content.Fetcher, strict bool) (Tree, []Problem, error) {
	t := Tree{Root: root}
	var err error
	if manifest.FamilyOf(root.MediaType) == "" {
		return Tree{}, nil, Problem{root, fmt.Errorf("%q is neither an index nor a manifest", root.MediaType)}
	}
	if t.Body, err = fetch(ctx, root, blobs); err != nil {
		return Tree{}, nil, Problem{root, err}
	}
	r := &reader{blobs: blobs, strict: strict}
	if manifest.IsIndex(root.MediaType) {
		var index ocispecs.Index
		if err := json.Unmarshal(t.Body, &index); err != nil {
			return Tree{}, nil, Problem{root, fmt.Errorf("not an index: %w", err)}
		}
		t.Annotations = index.Annotations
		err = r.flatten(ctx, index, 1)
	} else {
		r.entries = []*entry{{Image: Image{Descriptor: root, Body: t.Body}}}
	}
	if err == nil {
		err = r.documents(ctx)
	}
	if err != nil {
		return Tree{}, nil, err
	}
	return t, r.sort(&t), nil
}

// flatten lists the entries of an index and of those in it.
func (r *reader) flatten(ctx context.Context, index ocispecs.Index, depth int) error {
	for _, desc := range index.Manifests {
		if !manifest.IsIndex(desc.MediaType) {
			r.entries = append(r.entries, &entry{Image: Image{Descriptor: desc, Entry: desc.Platform}, opaque: manifest.FamilyOf(desc.MediaType) == ""})
			continue
		}
		var inner ocispecs.Index
		body, err := fetch(ctx, desc, r.blobs)
		if err == nil {
			err = json.Unmarshal(body, &inner)
		}
		if err == nil && depth == maxDepth {
			err = fmt.Errorf("more than %d indexes in one another", maxDepth)
		}
		switch {
		case err == nil:
			if err := r.flatten(ctx, inner, depth+1); err != nil {
				return err
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.strict:
			return Problem{desc, err}
		default:
			r.problems = append(r.problems, Problem{desc, err})
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
			e.read(groupCtx, r.blobs)
			if r.strict && len(e.problems) > 0 {
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

func (e *entry) read(ctx context.Context, blobs content.Fetcher) {
	var err error
	body := e.Body
	if body == nil {
		body, err = fetch(ctx, e.Descriptor, blobs)
	}
	if err == nil {
		err = json.Unmarshal(body, &e.Manifest)
	}
	if err != nil {
		e.problems = append(e.problems, Problem{e.Descriptor, err})
		return
	}
	e.Body = body
	if manifest.IsAttestation(e.Descriptor) || !IsImage(e.Manifest) {
		return
	}
	body, err = fetch(ctx, e.Manifest.Config, blobs)
	if err == nil {
		err = json.Unmarshal(body, &e.Config)
	}
	if err != nil {
		e.problems = append(e.problems, Problem{e.Manifest.Config, err})
		return
	}
	e.ConfigBody = body
}

// sort puts the entries into their places, and gives the problems.
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
	for _, e := range r.entries {
		about := Subject(e.Descriptor)
		i := slices.IndexFunc(t.Images, func(img Image) bool { return img.Descriptor.Digest.String() == about })
		switch {
		case !manifest.IsAttestation(e.Descriptor):
		case i < 0:
			t.addOther(e)
		default:
			t.Images[i].Attestations = append(t.Images[i].Attestations, Attestation{Descriptor: e.Descriptor, Body: e.Body, Manifest: e.Manifest})
		}
	}
	return problems
}

// addOther adds the entry's descriptor, with what kind of artifact it is.
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

// fetch reads a document and checks it.
func fetch(ctx context.Context, desc ocispecs.Descriptor, blobs content.Fetcher) (_ []byte, err error) {
	if err := desc.Digest.Validate(); err != nil {
		return nil, fmt.Errorf("digest %q: %w", desc.Digest, err)
	}
	if desc.Size > maxDocument {
		return nil, fmt.Errorf("a document of %d bytes is larger than registries allow (%d)", desc.Size, maxDocument)
	}
	rc, err := blobs.Fetch(ctx, desc)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	return content.ReadAll(rc, desc)
}
