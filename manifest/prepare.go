package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/errdef"
)

// requestsAtOnce bounds the requests of one Publish that run at the same time.
const requestsAtOnce = 8

// place is a manifest in a repository.
type place struct {
	repository string
	digest     digest.Digest
}

// prepare fills in the targets, and returns an error unless every child is in every repository. Nothing is written.
func (c *Client) prepare(ctx context.Context, req PublishRequest, targets []target) error {
	needed, err := children(req)
	if err != nil {
		return err
	}
	known := map[place]bool{}
	for _, image := range req.Seen {
		known[place{image.Repository.Name(), image.Descriptor.Digest}] = true
	}
	for i := range targets {
		if targets[i].repo, err = c.repository(targets[i].tag); err != nil {
			return fmt.Errorf("publish %q: %w", reference.FamiliarString(targets[i].tag), err)
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(requestsAtOnce)
	for i := range targets {
		t := &targets[i]
		for _, child := range needed {
			at := place{t.tag.Name(), child.Digest}
			if known[at] {
				continue
			}
			known[at] = true
			group.Go(func() error { return c.requireChild(groupCtx, t.repo, child.Digest) })
		}
		if l := slices.IndexFunc(req.Looks, func(l Look) bool { return l.Tag.String() == t.tag.String() }); l >= 0 {
			t.before = req.Looks[l].Digest
			continue
		}
		group.Go(func() error { return t.lookBefore(groupCtx) })
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return targets[0].repo.fail(ctx, "publish", err)
		}
		return err
	}
	return nil
}

// requireChild waits until a repository shows a child.
func (c *Client) requireChild(ctx context.Context, r repository, child digest.Digest) error {
	op := fmt.Sprintf("find %q", r.name+"@"+child.String())
	found, err := c.settled(r.pushScope(ctx), r.endpoint.name, child.String(), func(ctx context.Context) (bool, error) {
		_, err := r.resolve(ctx, child.String())
		if errors.Is(err, errdef.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return r.fail(ctx, op, err)
	}
	if !found {
		return r.fail(ctx, op, r.missing(c.opt.Settle))
	}
	return nil
}

// lookBefore asks what the tag names now. A registry that may be written but not read is no reason to stop: the tag is then
// written as if nothing were known of it.
func (t *target) lookBefore(ctx context.Context) error {
	desc, err := t.repo.resolve(t.repo.pushScope(ctx), t.tag.Tag())
	switch {
	case err == nil:
		t.before = desc.Digest
	case errors.Is(err, errdef.ErrNotFound):
	default:
		failure := t.repo.fail(ctx, fmt.Sprintf("look up %q", reference.FamiliarString(t.tag)), err)
		if !isStatus(err) {
			return failure
		}
		t.unknown = failure
	}
	return nil
}
