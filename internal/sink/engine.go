package sink

import (
	"context"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

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
		e.env.Note("warning: nothing is loaded into the engine, since the platforms chosen for it failed")
		return nil
	}
	return e.env.During("sending images to the engine", func() (err error) {
		e.staged, err = load.Stage(ctx, e.env.Engine, load.Request{
			Names: e.load.Names, Root: e.result.Root, Blobs: e.result.Index.Blobs, Selection: selection, Note: e.env.Note,
		})
		return err
	})
}

// selection leaves out what was chosen for the engine and is missing. It reports whether something is left.
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
		done.Loaded, err = e.staged.Place(ctx)
		return err
	})
}

// Abort implements Sink.
func (e *engineStore) Abort(ctx context.Context) {
	if e.staged != nil {
		e.staged.Discard(ctx)
	}
}
