package manifest

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Look is what a tag named when it was looked at.
type Look struct {
	Tag    reference.NamedTagged
	Digest digest.Digest // empty if there was no such tag
}

// Look asks what a tag names, with the rights of the push that is to follow, so that Publish need not. An error, which is an
// [*Error], is a tag of which nothing is known: leave it to Publish, which knows what is to be done then.
func (c *Client) Look(ctx context.Context, tag reference.NamedTagged) (Look, error) {
	r, err := c.repository(tag)
	if err != nil {
		return Look{}, fmt.Errorf("look up %q: %w", reference.FamiliarString(tag), err)
	}
	t := target{tag: tag, repo: r}
	if err := t.lookBefore(ctx); err != nil {
		return Look{}, err
	}
	return Look{Tag: tag, Digest: t.before}, t.unknown
}
