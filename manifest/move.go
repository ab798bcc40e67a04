package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
)

// errNotTried is the error of a tag that was left alone because an earlier one had failed.
var errNotTried = errors.New("not written, because another tag failed")

// move writes the tags one after another and reads each back while the next are written. Once a failure is known it writes no further tag.
// results has an entry for each target.
func (c *Client) move(ctx context.Context, req PublishRequest, targets []target, results []TagResult) {
	var failed atomic.Bool
	var reading sync.WaitGroup
	defer reading.Wait()
	for i := range targets {
		t, result := targets[i], &results[i]
		switch {
		case ctx.Err() != nil:
			result.Err = t.repo.fail(ctx, fmt.Sprintf("write %q", result.Ref), ctx.Err())
			continue
		case t.before == req.Descriptor.Digest:
			result.State = Already
			continue
		case failed.Load():
			result.Err = errNotTried
			continue
		}
		if state, err := t.write(ctx, req.Descriptor, req.Body); err != nil {
			err = t.repo.fail(ctx, fmt.Sprintf("write %q", result.Ref), err)
			result.State, result.Err = state, withTagHint(withFormatHint(err, req.Descriptor.MediaType, false), t.before)
			failed.Store(true)
			continue
		}
		reading.Go(func() {
			c.readBack(ctx, t, result, func() {
				if !failed.Load() { // a refusal says nothing: the registry may keep tags from being written twice
					_, _ = t.write(ctx, req.Descriptor, req.Body)
				}
			})
			if result.Err != nil {
				failed.Store(true)
			}
		})
	}
}

// write moves the tag. A refusal can follow a write that was accepted (its answer was lost, it was repeated, and the registry
// keeps tags from being written twice); then write reads the tag itself. With an error the state is Failed, or Unconfirmed if the registry
// may have moved the tag.
func (t target) write(ctx context.Context, desc ocispecs.Descriptor, body []byte) (State, error) {
	ctx = t.repo.pushScope(ctx)
	err := t.repo.PushReference(ctx, desc, bytes.NewReader(body), t.tag.Tag())
	if err == nil {
		return Moved, nil
	}
	if ctx.Err() != nil {
		return Unconfirmed, err
	}
	now, lookErr := t.repo.Resolve(ctx, t.tag.Tag())
	switch {
	case lookErr == nil && now.Digest == desc.Digest:
		return Moved, nil
	case lookErr == nil, errors.Is(lookErr, errdef.ErrNotFound), isFinal(err):
		return Failed, err
	}
	return Unconfirmed, err
}

// readBack waits until the registry shows the tag as written. If it shows no tag, or the digest from before, the registry is slow, or has
// dropped the write: after half of the time, again writes the tag once more. Any other digest was written by another client.
func (c *Client) readBack(ctx context.Context, t target, result *TagResult, again func()) {
	op := fmt.Sprintf("read back %q, which was written", result.Ref)
	var found digest.Digest
	look := func(ctx context.Context) (bool, error) {
		desc, err := t.repo.Resolve(ctx, t.tag.Tag())
		if errors.Is(err, errdef.ErrNotFound) {
			found = ""
			return false, nil
		}
		found = desc.Digest
		return err == nil && found != t.before, err
	}
	wait := func(limit time.Duration) (bool, error) {
		return c.waitVisible(t.repo.pushScope(ctx), t.repo.endpoint.name, "the new "+result.Ref, limit, look)
	}
	shown, err := wait(c.opt.Settle / 2)
	if err == nil && !shown {
		again()
		shown, err = wait(c.opt.Settle / 2)
	}
	switch {
	case err != nil:
		result.State, result.Err = Unconfirmed, t.repo.fail(ctx, op, err)
	case shown && found == result.Digest:
		result.State = Moved
	case shown:
		result.State, result.Found = Overwritten, found
	default:
		result.State, result.Found = Unconfirmed, found
		result.Err = t.repo.fail(ctx, op, stale(found, c.opt.Settle))
	}
}
