package sink

import (
	"context"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// tags moves tags in registries. The builder has pushed the images; Prepare pushes their attestations.
type tags struct {
	registry *manifest.Client
	result   Result
	targets  []reference.NamedTagged
	during   func(what string, work func() error) error
}

func (t *tags) Prepare(ctx context.Context) error {
	return t.result.pushAttestations(ctx, t.registry, index.Repositories(t.targets))
}

func (t *tags) Commit(ctx context.Context, done *Done) error {
	err := t.during("moving the tags", func() (err error) {
		done.Tags, err = t.result.Index.Publish(ctx, t.registry, manifest.PublishRequest{Targets: t.targets, Seen: t.result.images()})
		return err
	})
	if err != nil {
		return &index.PushError{Err: err, Tags: done.Tags}
	}
	return nil
}

// Abort implements Sink. The pushed manifests have no tag, and the registry's next garbage collection removes them.
func (t *tags) Abort(context.Context) {}

// untagged pushes the result into repositories by its digest only.
type untagged struct {
	registry *manifest.Client
	result   Result
	repos    []reference.Named
}

func (u *untagged) Prepare(ctx context.Context) error {
	return u.result.pushAttestations(ctx, u.registry, u.repos)
}

func (u *untagged) Commit(ctx context.Context, done *Done) error {
	for _, repo := range u.repos {
		if err := u.result.Index.Upload(ctx, u.registry, repo); err != nil {
			return &index.PushError{Err: err, Tags: done.Tags}
		}
		done.ByDigest = append(done.ByDigest, repo)
	}
	return nil
}

// Abort implements Sink. See tags.Abort.
func (u *untagged) Abort(context.Context) {}
