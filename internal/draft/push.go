package draft

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// copiesAtOnce bounds the images that are copied concurrently. Each has several concurrent requests.
const copiesAtOnce = 3

// PushRequest is the input of [Store.Prepare].
type PushRequest struct {
	List  reference.NamedTagged
	Amend bool         // take the current images of its names
	Note  func(string) // receives messages for the user; never nil
	// Examine, if not nil, is called with all images before anything is written.
	Examine tree.Examiner
}

// Ready is a draft that can be pushed. [Store.Prepare] makes it.
type Ready struct {
	index.Index

	list        reference.NamedTagged
	base, draft Draft // as in the file, and as it is pushed
}

// DuplicateError means that a draft has several images for one platform.
type DuplicateError struct {
	List       string
	Duplicates []string // sentences
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s cannot be pushed: %s", e.List, strings.Join(e.Duplicates, "; "))
}

// Prepare makes the index of a draft, and checks that its names still refer to the same digests. If not, it fails with a
// [*ChangedError], or takes the current images if the request amends. Then it examines the images if the request has an examiner.
// It writes nothing.
func (s Store) Prepare(ctx context.Context, c *manifest.Client, req PushRequest) (Ready, error) {
	base, err := s.Read(ctx, req.List)
	if err != nil {
		return Ready{}, err
	}
	changes, err := changed(ctx, c, base)
	if err != nil {
		return Ready{}, err
	}
	now := base
	if len(changes) > 0 {
		if !req.Amend || slices.ContainsFunc(changes, func(c Change) bool { return c.Now == "" }) {
			return Ready{}, &ChangedError{List: familiar(base.List), Changes: changes}
		}
		if now, err = renewed(ctx, c, base, changes, req.Note); err != nil {
			return Ready{}, err
		}
	}
	if doubles := now.Duplicates(); len(doubles) > 0 {
		return Ready{}, &DuplicateError{List: familiar(now.List), Duplicates: doubles}
	}
	for _, image := range now.Images {
		for _, child := range image.Children {
			if p := child.Platform(); p.OS == "" || p.Architecture == "" {
				return Ready{}, fmt.Errorf("manifest %s must have an OS and Architecture to be pushed to a registry", familiar(image.Name))
			}
		}
	}
	ready := Ready{list: req.List, base: base, draft: now}
	var parts []index.Part
	for _, desc := range now.Descriptors() {
		parts = append(parts, index.Part{Descriptor: desc})
	}
	ready.Index, err = index.Assemble(parts, manifest.IndexOptions{Family: now.family()})
	if err != nil {
		return Ready{}, fmt.Errorf("%s cannot be pushed: %w", familiar(now.List), err)
	}
	if req.Examine != nil {
		err = Examine(ctx, c, now.Entries(), req.Examine)
	}
	return ready, err
}

// Send copies images from other repositories, with their attestations, to that of the list, and then moves the tag. If a copy
// fails, no tag moves.
func Send(ctx context.Context, c *manifest.Client, r Ready, note func(string)) (manifest.TagResult, error) {
	repo := reference.TrimNamed(r.list)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	var saying sync.Mutex
	for _, image := range r.draft.Images {
		name, err := reference.ParseNormalizedNamed(image.Name)
		if err != nil {
			return manifest.TagResult{}, err
		}
		if name.Name() == repo.Name() {
			continue
		}
		for _, child := range image.Children {
			group.Go(func() error {
				if err := copyChild(groupCtx, c, repo, reference.TrimNamed(name), child); err != nil {
					return fmt.Errorf("copy %s: %w", familiar(image.Name), err)
				}
				saying.Lock()
				defer saying.Unlock()
				note(fmt.Sprintf("Pushed ref %s@%s", reference.FamiliarName(repo), child.Descriptor.Digest))
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return manifest.TagResult{}, err
	}
	results, err := r.Publish(ctx, c, manifest.PublishRequest{Targets: []reference.NamedTagged{r.list}})
	return results[0], err
}

// copyChild copies an image, and then its attestations.
func copyChild(ctx context.Context, c *manifest.Client, to, from reference.Named, child Child) error {
	at, err := reference.WithDigest(from, child.Descriptor.Digest)
	if err != nil {
		return err
	}
	_, blobs, err := c.Source(ctx, at)
	if err != nil {
		return err
	}
	return index.UploadAll(ctx, c, to, blobs, append([]ocispecs.Descriptor{child.Descriptor}, child.Attestations...)...)
}

// Done marks the draft as pushed, or removes it. If another program has changed the draft meanwhile, Done leaves it unchanged,
// and changed is true.
func (s Store) Done(ctx context.Context, r Ready, purge bool) (changed bool, err error) {
	err = s.Update(ctx, r.list, func(old *Draft) (*Draft, error) {
		if old == nil || !same(*old, r.base) {
			changed = true
			return old, nil
		}
		if purge {
			return nil, nil
		}
		pushed := r.draft
		pushed.Pushed = r.Descriptor.Digest
		return &pushed, nil
	})
	return changed, err
}

func same(a, b Draft) bool {
	first, errA := json.Marshal(a)
	second, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(first) == string(second)
}
