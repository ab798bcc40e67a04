package sink

import (
	"context"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/nodeserver"
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
			Names: e.load.Names, Root: e.result.Root, Blobs: e.result.Index.Blobs, Selection: selection, Carry: e.carrier(), Meter: m, Note: e.env.Note,
		})
		return err
	})
}

// worthwhile is how many bytes an engine has to lack before it fetches them from the node beside it: what is sent for that is a tenth.
const worthwhile = 10 * nodeserver.Size

// carrier returns what makes the engine fetch images from the nodes beside it; nil if what is sent to the engine crosses no network.
func (e *engineStore) carrier() func(context.Context, []load.Portable) func(context.Context) {
	if e.env.Beside == nil || e.env.Engine.Near() {
		return nil
	}
	return func(ctx context.Context, images []load.Portable) func(context.Context) {
		var releases []func(context.Context)
		for _, l := range e.loads(ctx, images) {
			if l.missing < worthwhile {
				continue
			}
			if l.node == nil {
				e.env.Note(diag.Notef("the layers of %s go through this machine, since the engine is not beside the node that made them", l.platforms()))
				continue
			}
			release, err := l.node.Carry(ctx, l.images, e.result.Index.Blobs)
			releases = append(releases, release)
			if err != nil && ctx.Err() == nil {
				e.env.Note(diag.Notef("the layers of %s go through this machine, since the engine could not fetch them from the builder beside it: %v", l.platforms(), err))
			}
		}
		return func(ctx context.Context) {
			for _, release := range releases {
				release(ctx)
			}
		}
	}
}

// nodeLoad is what an engine lacks of the images of one node.
type nodeLoad struct {
	store   content.Fetcher
	node    *nodeserver.Node // nil if the engine is not beside it
	images  []nodeserver.Image
	missing int64 // bytes
}

func (l nodeLoad) platforms() string {
	ps := make([]platform.Platform, len(l.images))
	for i, img := range l.images {
		ps[i] = img.Platform
	}
	return strings.Join(platform.FormatAll(ps), ", ")
}

// loads returns the images by the nodes that made them.
func (e *engineStore) loads(ctx context.Context, images []load.Portable) (all []nodeLoad) {
	for _, img := range images {
		i := slices.IndexFunc(e.result.Children, func(c index.Child) bool { return c.Image.Descriptor.Digest == img.Manifest.Digest })
		if i < 0 {
			continue
		}
		store := e.result.Children[i].Layers
		k := slices.IndexFunc(all, func(l nodeLoad) bool { return l.store == store })
		if k < 0 {
			k = len(all)
			all = append(all, nodeLoad{store: store, node: e.env.Beside(ctx, store)})
		}
		for _, layer := range img.Missing {
			all[k].missing += layer.Size
		}
		all[k].images = append(all[k].images, nodeserver.Image{Manifest: img.Manifest, Config: img.Config, Layers: img.Layers, Platform: img.Platform})
	}
	return all
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
