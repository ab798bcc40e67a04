package sink

import (
	"context"
	"slices"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Load is the engine's image store as an output.
type Load struct {
	// Names are the names of the images in the engine. Without names they have only their digests.
	Names     []reference.NamedTagged
	Selection load.Selection
}

// Place implements Output.
func (l Load) Place() string { return "the engine's image store" }

// HasImages implements Output.
func (l Load) HasImages() bool { return true }

// Target implements Output.
func (l Load) Target() (name string, folder bool) { return "", false }

func (l Load) rank() int { return 1 }

func (l Load) sink(env Env, r Result) Sink { return &engineStore{env: env, load: l, result: r} }

// engineStore loads images into an engine's image store.
type engineStore struct {
	env    Env
	load   Load
	result Result
	staged *load.Staged // nil if nothing is loaded
}

func (e *engineStore) Prepare(ctx context.Context) error {
	selection, some := e.selection()
	if !some {
		e.env.Note(diag.Warningf("nothing is loaded into the engine, since the platforms chosen for it failed"))
		return nil
	}
	return e.env.Moving("sending images to the engine", func(m *transfer.Meter) (err error) {
		e.staged, err = load.Stage(ctx, e.env.Engine, load.Request{
			Names: e.load.Names, Root: e.result.Root, Blobs: e.result.Index.Blobs, Selection: selection, Meter: m, Note: e.env.Note,
		})
		return err
	})
}

// selection returns the platforms to load, without those that were chosen for the engine and are missing. It reports whether any are left.
func (e *engineStore) selection() (s load.Selection, some bool) {
	s = e.load.Selection
	if len(s.Platforms) == 0 {
		return s, true
	}
	s.Platforms = slices.DeleteFunc(slices.Clone(s.Platforms), func(p platform.Platform) bool {
		return !platform.Contains(e.result.platforms(), p)
	})
	return s, s.Native || len(s.Platforms) > 0
}

func (e *engineStore) Commit(ctx context.Context, done *Done) error {
	if e.staged == nil {
		return nil
	}
	return e.env.During("loading images into the engine", func() (err error) {
		done.Loaded, err = e.staged.Commit(ctx)
		return err
	})
}

// Abort implements Sink.
func (e *engineStore) Abort(ctx context.Context) {
	if e.staged != nil {
		e.staged.Abort(ctx)
	}
}
