package cachejoin

import (
	"context"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Tag is a tag of a registry. The nodes push their shares to tags of their own in the same repository, and with them all layers.
type Tag struct {
	Registry *manifest.Client
	Tag      reference.NamedTagged
	// LookAgain is as the constant, but for tests.
	LookAgain time.Duration
}

// LookAgain is how long after its write a tag is read for the last time. Registries compare nothing when a tag is written, so a client
// that has just found the tag from before may still replace it; its request takes less than this.
const LookAgain = time.Second

// String implements Place.
func (t Tag) String() string { return reference.FamiliarString(t.Tag) }

func (t Tag) lookAgain() time.Duration { return t.LookAgain }

// now looks with the rights of a push: some registries refuse to let a client read what does not exist.
func (t Tag) now(ctx context.Context) (ocispecs.Descriptor, error) {
	look, err := t.Registry.Look(ctx, t.Tag)
	return ocispecs.Descriptor{Digest: look.Digest}, err
}

func (t Tag) blobs(ctx context.Context, desc ocispecs.Descriptor) (ocispecs.Descriptor, content.ReadOnlyStorage, error) {
	ref, err := reference.WithDigest(reference.TrimNamed(t.Tag), desc.Digest)
	if err != nil {
		return desc, nil, err
	}
	return t.Registry.Source(ctx, ref)
}

func (t Tag) exported(ctx context.Context, e Export) (ocispecs.Descriptor, content.ReadOnlyStorage, error) {
	desc := ocispecs.Descriptor{Digest: e.Manifest}
	if err := t.Registry.Shown(ctx, t.Tag, e.Manifest); err != nil {
		return desc, nil, err
	}
	return t.blobs(ctx, desc)
}

func (t Tag) take(context.Context, Export, ...ocispecs.Descriptor) error { return nil }

func (t Tag) write(ctx context.Context, before digest.Digest, j joined) error {
	repo := reference.TrimNamed(t.Tag)
	t.Registry.Remember(repo, j.listed...) // the nodes have pushed them, or they were asked for
	if err := t.Registry.Upload(ctx, repo, j.desc, j.bodies()); err != nil {
		return err
	}
	_, err := t.Registry.Publish(ctx, manifest.PublishRequest{
		Targets: []reference.NamedTagged{t.Tag}, Descriptor: j.desc, Body: j.body,
		Seen:  []manifest.Image{{Repository: repo, Descriptor: j.desc}},
		Allow: func(_ reference.NamedTagged, now digest.Digest) error { return unmoved(now, before) },
	})
	return err
}

func unmoved(now, before digest.Digest) error {
	if now != before {
		return errMoved
	}
	return nil
}

func (j joined) bodies() index.Bodies {
	return index.Bodies{j.desc.Digest: j.body, j.config.Digest: j.configDoc}
}
