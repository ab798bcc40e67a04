package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/errdef"
)

// requestsAtOnce bounds the concurrent requests of one Publish.
const requestsAtOnce = 8

// location is a manifest in a repository.
type location struct {
	repository string
	digest     digest.Digest
}

// prepare fills in the targets, and returns an error unless every child is in every repository. It writes nothing.
func (c *Client) prepare(ctx context.Context, req PublishRequest, targets []target) error {
	needed, err := children(req)
	if err != nil {
		return err
	}
	known := map[location]bool{}
	for _, image := range req.Seen {
		known[location{image.Repository.Name(), image.Descriptor.Digest}] = !image.Unseen
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
			at := location{t.tag.Name(), child.Digest}
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
		if now, ok := c.lookedAhead(t.tag); ok {
			t.before = now
			continue
		}
		group.Go(func() error { return t.readCurrent(groupCtx) })
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
	found, err := c.waitVisible(r.pushScope(ctx), r.endpoint.name, child.String(), c.opt.Settle, func(ctx context.Context) (bool, error) {
		_, err := r.Resolve(ctx, child.String())
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

// readCurrent asks which digest the tag names now. A registry that may be written but not read is not a reason to stop: the tag is
// then written without that knowledge.
func (t *target) readCurrent(ctx context.Context) error {
	desc, err := t.repo.Resolve(t.repo.pushScope(ctx), t.tag.Tag())
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

// These are the pauses between two reads of a registry that does not show a recent write yet.
const (
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

// waitVisible polls until a registry shows a recent write, at most for limit: look returns true when it does. The result is false when the
// time is up; an error of look or the end of the context ends it at once.
func (c *Client) waitVisible(
	ctx context.Context, registry, what string, limit time.Duration, look func(context.Context) (bool, error),
) (bool, error) {
	var waited time.Duration
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if ok, err := look(ctx); ok || err != nil {
			return ok, err
		}
		if ended := context.Cause(ctx); ended != nil { // it may be another child's error, which says that there is none
			return false, ended
		}
		if waited >= limit {
			return false, nil
		}
		pause = min(pause, limit-waited)
		c.opt.Report(Wait{Registry: registry, Reason: "it does not show " + what + " yet", Delay: pause})
		if err := c.opt.Clock.Sleep(ctx, pause); err != nil {
			return false, err
		}
		waited += pause
	}
}

// ahead is how long LookAhead's answer is used. Later, another client may have moved the tag.
const ahead = 3 * time.Second

// aheadLook is an answer of LookAhead.
type aheadLook struct {
	at     time.Time
	digest digest.Digest
}

// LookAhead begins to ask which digests the tags name, so that the client is connected and logged in when it is needed. A Publish that begins
// soon after the answer need not ask again. Later requests report what fails.
func (c *Client) LookAhead(ctx context.Context, tags ...reference.NamedTagged) {
	c.background.Go(func() {
		bounded, cancel := context.WithTimeout(once(ctx), c.opt.PushCheck)
		defer cancel()
		var group errgroup.Group
		group.SetLimit(requestsAtOnce)
		for _, tag := range tags {
			group.Go(func() error {
				now, err := c.lookNow(bounded, tag)
				if err == nil || errors.Is(err, errdef.ErrNotFound) {
					c.looks.Store(tag.String(), aheadLook{time.Now(), now})
				}
				return nil
			})
		}
		_ = group.Wait() // it returns no error
	})
}

// lookNow asks which digest a tag names. A GET also finds out which scheme a registry speaks. Where that is known, a HEAD does, which registries
// do not count as a pull.
func (c *Client) lookNow(ctx context.Context, tag reference.NamedTagged) (digest.Digest, error) {
	r, err := c.repository(tag)
	if err != nil {
		return "", err
	}
	var desc ocispecs.Descriptor
	if ctx = r.pushScope(ctx); r.endpoint.scheme.Load() == nil {
		desc, _, err = r.fetch(ctx, tag.Tag())
	} else {
		desc, err = r.Resolve(ctx, tag.Tag())
	}
	return desc.Digest, err
}

// lookedAhead returns the answer of LookAhead about a tag, if it is recent. It is used once.
func (c *Client) lookedAhead(tag reference.NamedTagged) (digest.Digest, bool) {
	look, ok := c.looks.LoadAndDelete(tag.String())
	if !ok {
		return "", false
	}
	l := look.(aheadLook) //nolint:forcetypeassert // nothing else is stored
	return l.digest, time.Since(l.at) < ahead
}

// Look is the digest that a tag named at the time of a look.
type Look struct {
	Tag    reference.NamedTagged
	Digest digest.Digest // empty if there was no such tag
}

// Look reads the digest that a tag names, with the rights of the push that is to follow, so that Publish need not. If it returns
// an error, an [*Error], the tag's digest is unknown: leave the tag to Publish, which handles that case.
func (c *Client) Look(ctx context.Context, tag reference.NamedTagged) (Look, error) {
	r, err := c.repository(tag)
	if err != nil {
		return Look{}, fmt.Errorf("look up %q: %w", reference.FamiliarString(tag), err)
	}
	t := target{tag: tag, repo: r}
	if err := t.readCurrent(ctx); err != nil {
		return Look{}, err
	}
	return Look{Tag: tag, Digest: t.before}, t.unknown
}

// Shown waits until a repository shows a manifest that was just pushed to it by its digest, up to Options.Settle. An error is an [*Error], of
// kind [ErrNotFound] if the repository still did not show it.
func (c *Client) Shown(ctx context.Context, repo reference.Named, dgst digest.Digest) error {
	r, err := c.repository(repo)
	if err != nil {
		return fmt.Errorf("find %q: %w", reference.FamiliarName(repo)+"@"+dgst.String(), err)
	}
	return c.requireChild(ctx, r, dgst)
}
