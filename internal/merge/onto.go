package merge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	// writesAtMost bounds the writes of the tag when others write it too.
	writesAtMost = 8
	// lookAgain is the minimum time between a write and the last check of the tag. It leaves other writers time between their
	// check and their write.
	lookAgain = 300 * time.Millisecond
)

// add adds the images to a tag's index, until it has them or others have overwritten the tag too often.
func add(ctx context.Context, req Request) (Result, error) {
	name := reference.FamiliarString(req.Onto)
	noted := map[string]bool{}
	note := req.Note
	req.Note = func(line string) { // a repeated plan repeats its notes
		if !noted[line] {
			noted[line] = true
			note(line)
		}
	}
	req.Looks = nil // the tags are checked just before each write
	var last Result
	for attempt := range writesAtMost {
		if attempt > 0 {
			// Two writers in step would collide again and again.
			if err := req.Pause(ctx, rand.N(time.Duration(attempt)*150*time.Millisecond)); err != nil { //nolint:gosec // no security need
				return last, err
			}
		}
		base, err := readBase(ctx, req)
		if err != nil {
			return last, err
		}
		p, err := examined(ctx, req, base)
		if err != nil || req.DryRun {
			return p.result, err
		}
		res, there, err := p.addTo(ctx, base)
		if err == nil && there || err != nil && !errors.Is(err, errChanged) {
			return res, err
		}
		last, req.Examine = res, nil // the images are the same
		req.Note(fmt.Sprintf("another client has pushed %q in the meantime: its images are merged in", name))
	}
	err := fmt.Errorf("other clients keep pushing %q: after %d merges it may still lack these images; run this command again", name, writesAtMost)
	return last, &index.PushError{Err: err, Tags: last.Tags}
}

// readsAtMost bounds the reads of a tag that exists and cannot be read.
const readsAtMost = 3

// readBase reads the index of the tag, or returns nil if there is no such tag.
func readBase(ctx context.Context, req Request) (*Input, error) {
	var base Input
	var err error
	for range readsAtMost {
		if base, err = ReadRef(ctx, req.Registry, req.Onto); !errors.Is(err, manifest.ErrNotFound) {
			break
		}
		// A missing child does not mean a missing tag. While a tag is being written, a registry may have neither the old nor the new index.
		if _, lookErr := req.Registry.Resolve(ctx, req.Onto); errors.Is(lookErr, manifest.ErrNotFound) {
			req.Note(fmt.Sprintf("%q does not exist yet, and is created", reference.FamiliarString(req.Onto)))
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return &base, nil
}

// addTo writes the tag, unless it has changed, and checks afterwards whether the index has the images.
func (p plan) addTo(ctx context.Context, base *Input) (res Result, there bool, err error) {
	var before digest.Digest
	if base != nil {
		before = base.Tree.Root.Digest
	}
	if err := p.transfer(ctx); err != nil {
		return p.result, false, err
	}
	started := time.Now()
	res, err = p.publish(ctx, func(tag reference.NamedTagged, now digest.Digest) error {
		switch {
		case tag.String() == p.req.Onto.String() && now != before:
			return errChanged
		case tag.String() != p.req.Onto.String() && p.req.NoClobber && now != "" && now != p.result.Target.Digest:
			return taken(tag, now)
		}
		return nil
	})
	if err != nil || res.Tags[0].State == manifest.Already {
		return res, err == nil, err
	}
	if err := p.req.Pause(ctx, max(lookAgain, time.Since(started))); err != nil {
		return res, false, err
	}
	there, err = p.holds(ctx)
	return res, there, err
}

// holds reports whether the tag has the written index, or another one with the same images.
func (p plan) holds(ctx context.Context) (bool, error) {
	desc, err := p.req.Registry.Resolve(ctx, p.req.Onto)
	if err == nil && desc.Digest == p.result.Target.Digest {
		return true, nil
	}
	var now Input
	if err == nil {
		now, err = ReadRef(ctx, p.req.Registry, p.req.Onto)
	}
	if errors.Is(err, manifest.ErrNotFound) {
		return false, nil // another writer is writing it
	}
	if err != nil {
		return false, &index.PushError{Err: err, Tags: p.result.Tags}
	}
	for _, img := range p.result.Images {
		if img.Kept {
			continue // another writer may replace it
		}
		if !slices.ContainsFunc(now.Tree.Images, func(have tree.Image) bool {
			return platform.Equal(platform.Normalize(*have.Descriptor.Platform), img.Platform) && have.Descriptor.Digest == img.Manifest.Digest
		}) {
			return false, nil
		}
	}
	p.req.Note(fmt.Sprintf("another client has pushed %q since then, with these images: it is now %s", reference.FamiliarString(p.req.Onto), desc.Digest))
	return true, nil
}
