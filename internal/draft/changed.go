package draft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Change is a name whose digest has changed since the draft was made.
type Change struct {
	Name     string
	Was, Now digest.Digest // Now is empty if the registry no longer has the name
}

// ChangedError means that images of a draft have changed.
type ChangedError struct {
	List    string
	Changes []Change
}

func (e *ChangedError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s was made of images that have changed in the registry:", e.List)
	for _, c := range e.Changes {
		now := "is now " + c.Now.String()
		if c.Now == "" {
			now = "is gone"
		}
		fmt.Fprintf(&text, "\n  %s was %s, %s", c.Name, c.Was, now)
	}
	return text.String()
}

// changed resolves the names again, and checks that the digests exist. The list's own name may refer to the pushed draft.
func changed(ctx context.Context, c *manifest.Client, d Draft) ([]Change, error) {
	found := make([]*Change, len(d.Images))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(looksAtOnce)
	for i, image := range d.Images {
		name, err := reference.ParseNormalizedNamed(image.Name)
		if err != nil {
			return nil, err
		}
		group.Go(func() error {
			desc, err := c.Resolve(groupCtx, name)
			if err = Missing(name, err); err != nil && !errors.Is(err, ErrNone) {
				return err
			}
			if desc.Digest != image.Root.Digest && (image.Name != d.List || desc.Digest != d.Pushed) {
				found[i] = &Change{Name: familiar(image.Name), Was: image.Root.Digest, Now: desc.Digest}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	var changes []Change
	for _, change := range found {
		if change != nil {
			changes = append(changes, *change)
		}
	}
	return changes, nil
}

// renewed returns the draft with the current images of the changed names.
func renewed(ctx context.Context, c *manifest.Client, d Draft, changes []Change, note func(string)) (Draft, error) {
	var names []reference.Named
	for _, image := range d.Images {
		if slices.ContainsFunc(changes, func(c Change) bool { return c.Name == familiar(image.Name) }) {
			name, err := reference.ParseNormalizedNamed(image.Name)
			if err != nil {
				return Draft{}, err
			}
			names = append(names, name)
		}
	}
	images, err := ReadImages(ctx, c, names)
	if err != nil {
		return Draft{}, err
	}
	renewed, notes := d.with(images)
	for _, line := range append(notes, renewed.concerns()...) {
		note(line)
	}
	return *renewed, nil
}
