package manifest

import (
	"context"
	"errors"
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// PublishRequest is an index or a manifest to publish, with its tags.
type PublishRequest struct {
	// Targets are the tags to move, in the order in which they move. A duplicate is moved once.
	Targets []reference.NamedTagged
	// Descriptor and Body are the index, or the manifest of a single image. The registry gets these bytes.
	Descriptor ocispecs.Descriptor
	Body       []byte
	// Seen are images that Child has read from the repositories; they are not read again, unless they are Unseen.
	Seen []Image
	// Looks are recent results of Look for targets; these tags are not read again before the write.
	Looks []Look
	// Allow, if not nil, gets the digest that each tag names when everything is ready to be written: "" if there is no such tag.
	// If it returns an error, or a registry does not return a tag's digest, all tags stay untouched.
	Allow func(tag reference.NamedTagged, now digest.Digest) error
}

// State is the result for a tag.
type State string

// These are the results for a tag.
const (
	Moved       State = "moved"       // written, and read back
	Already     State = "already"     // it named the same digest before, and was not written
	Overwritten State = "overwritten" // written, and then overwritten by another client with another digest
	Untouched   State = "untouched"   // not written; Err says why
	Failed      State = "failed"      // the registry refused, or never got the write; Err says which
	Unconfirmed State = "unconfirmed" // it may be written: an answer was lost, or the registry does not show it; Err says which
)

// TagResult is the result for one tag.
type TagResult struct {
	Ref    string        // as users write it, such as "localhost:5000/app:v1"
	Digest digest.Digest // the digest to write
	State  State
	Found  digest.Digest // the digest that the tag names now, if that is another one and known
	Err    error         // nil when the tag was moved, was there already, or was overwritten
}

// Publish moves tags to an index or a manifest. It is the only function of the program that moves a tag.
//
// First every child of the index (or the single image itself) must be in the repository of every target; while a registry does
// not show one yet, Publish waits, up to Options.Settle. If one is missing, no tag is touched. Then the tags move in their order,
// each by one write; a tag that names the digest already is not written. Once a tag has failed, or the
// context has ended, no further tag is written. Each tag is read back, again with a bounded wait, in whose middle a tag that does not show
// is written once more; another digest there, which was not there before, was written by another client and gives the state Overwritten.
//
// The results are in the order of the targets, always one for each. The error joins those of the results; it is nil when every
// tag was moved, was there already or was overwritten.
func (c *Client) Publish(ctx context.Context, req PublishRequest) ([]TagResult, error) {
	results := make([]TagResult, 0, len(req.Targets))
	targets := make([]target, 0, len(req.Targets))
	for _, tag := range req.Targets {
		ref := reference.FamiliarString(tag)
		if containsRef(results, ref) {
			continue
		}
		results = append(results, TagResult{Ref: ref, Digest: req.Descriptor.Digest, State: Untouched})
		targets = append(targets, target{tag: tag})
	}
	err := c.prepare(ctx, req, targets)
	if err == nil {
		err = allowed(req, targets)
	}
	if err != nil {
		for i := range results {
			results[i].Err = err
		}
		return results, err
	}
	c.move(ctx, req, targets, results)
	var failures []error
	for _, r := range results {
		if !errors.Is(r.Err, errNotTried) { // the others' errors say why
			failures = append(failures, r.Err)
		}
	}
	return results, errors.Join(failures...)
}

// allowed asks the caller about the digest that each tag names before.
func allowed(req PublishRequest, targets []target) error {
	if req.Allow == nil {
		return nil
	}
	for _, t := range targets {
		if t.unknown != nil {
			return t.unknown
		}
		if err := req.Allow(t.tag, t.before); err != nil {
			return err
		}
	}
	return nil
}

func containsRef(results []TagResult, ref string) bool {
	for _, r := range results {
		if r.Ref == ref {
			return true
		}
	}
	return false
}

// target is a tag and its state before it moves.
type target struct {
	tag    reference.NamedTagged
	repo   repository
	before digest.Digest // the digest that the tag names; empty if none or unknown

	unknown error // why it is unknown
}

// children returns the manifests that a registry must have before it gets the body.
func children(req PublishRequest) ([]ocispecs.Descriptor, error) {
	if len(req.Targets) == 0 {
		return nil, errors.New("publish: no tag to move")
	}
	if d := digest.FromBytes(req.Body); d != req.Descriptor.Digest || int64(len(req.Body)) != req.Descriptor.Size {
		return nil, fmt.Errorf("publish: the body is %s (%d bytes), not %s (%d bytes)", d, len(req.Body), req.Descriptor.Digest, req.Descriptor.Size)
	}
	if FamilyOf(req.Descriptor.MediaType) == "" {
		return nil, fmt.Errorf("publish: %q is neither an index nor an image manifest", req.Descriptor.MediaType)
	}
	if !IsIndex(req.Descriptor.MediaType) {
		return []ocispecs.Descriptor{req.Descriptor}, nil
	}
	index, err := document.Index(req.Body)
	if err != nil {
		return nil, fmt.Errorf("publish: read the index: %w", err)
	}
	return index.Manifests, nil
}
