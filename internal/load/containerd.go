package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// questionsAtOnce bounds the concurrent requests to an engine.
const questionsAtOnce = 16

// fillContainerd loads an image into a containerd store, without the unwanted digests.
//
// Of what the engine has, only layers are left out. The engine also shows the documents in the history of its own BuildKit's builds
// (control/control.go of BuildKit), and an image of a document that only the history has cannot be used.
func (s *Staged) fillContainerd(ctx context.Context, req Request, graph layout.Graph, images []image, out map[digest.Digest]bool) error {
	var wanted []digest.Digest
	for _, d := range digestsOf(graph) {
		if !out[d] {
			wanted = append(wanted, d)
		}
	}
	has, closeContent := blobsOfEngine(ctx, s.engine)
	defer closeContent()
	found, err := inspectStore(ctx, s.engine, req, has, wanted)
	if err != nil {
		return err
	}
	if s.carry(ctx, req, found.portable(images, out)) {
		if present, err := which(ctx, has, wanted); err == nil {
			found.blobs = present
		}
	}
	loaded, present := found.loaded, found.layers(images)
	complete := found.complete(wanted, images, out)
	s.images, s.names = loaded, make([]string, len(loaded))
	for i, l := range loaded {
		if !l.Already && len(req.Names) > 0 {
			s.names[i] = req.Names[i].String()
		}
		loaded[i].Already = l.Already && complete
	}
	if len(out) > 0 {
		s.note = func() { req.Note.Say(partNote) }
	}
	if complete && found.known {
		return nil
	}
	if !found.known {
		s.sends(ctx, req.Root.Digest)
	}
	req.Meter.Expect(found.missing(images, out)...)
	return s.sendContainerd(ctx, req, has, present, out)
}

// sendContainerd sends an image without the unwanted digests, and without the present ones as long as the engine still has them.
func (s *Staged) sendContainerd(ctx context.Context, req Request, has hasBlob, present, out map[digest.Digest]bool) error {
	send := func(out, there map[digest.Digest]bool) error {
		return sendIndex(ctx, s.engine, req, has, func(d digest.Digest) (skip, spared bool) { return out[d] || there[d], there[d] })
	}
	err := retried(ctx, len(present) > 0, func(spare bool) error {
		if !spare {
			return send(out, nil)
		}
		return send(out, present)
	})
	if mayRetry(ctx, err) && len(out) > 0 {
		// Engines before 28 accept whole indexes only.
		if send(nil, nil) == nil {
			s.note, err = func() { req.Note.Say(wholeNote) }, nil
		}
	}
	return err
}

// found is the engine's content before a load.
type found struct {
	blobs  map[digest.Digest]bool // of those that were asked for
	loaded []Loaded               // the names, and whether they are the image's already
	known  bool                   // the image has a name, or was loaded without one
	// children are the images that belong to the root, as far as the engine lists them.
	children []engine.Child
}

// layers returns the images' layers that the engine has.
func (f found) layers(images []image) map[digest.Digest]bool {
	has := map[digest.Digest]bool{}
	for _, img := range images {
		for _, layer := range img.node.Layers {
			if f.blobs[layer.Digest] {
				has[layer.Digest] = true
			}
		}
	}
	return has
}

// missing returns the images' layers that the engine does not have, without those that are left out.
func (f found) missing(images []image, out map[digest.Digest]bool) (layers []ocispecs.Descriptor) {
	for _, img := range images {
		for _, layer := range img.node.Layers {
			if !f.blobs[layer.Digest] && !out[layer.Digest] {
				layers = append(layers, layer)
			}
		}
	}
	return layers
}

// portable returns the images of which the engine lacks layers, without those that are left out.
func (f found) portable(images []image, out map[digest.Digest]bool) (all []Portable) {
	for _, img := range images {
		p := img.portable(func(i int) bool { return !f.blobs[img.node.Layers[i].Digest] })
		if len(p.Missing) > 0 && !out[img.node.Descriptor.Digest] {
			all = append(all, p)
		}
	}
	return all
}

// complete reports whether the engine has all wanted blobs, and everything that belongs to the images, except those that are left out. An
// engine that does not list the images is taken to have them.
func (f found) complete(wanted []digest.Digest, images []image, out map[digest.Digest]bool) bool {
	return len(f.blobs) == len(wanted) && !slices.ContainsFunc(f.children, func(c engine.Child) bool {
		return !c.Available && !out[c.Digest] && slices.ContainsFunc(images, func(img image) bool { return img.node.Descriptor.Digest == c.Digest })
	})
}

// inspectStore makes all requests at once: an engine is slow to inspect an image of many platforms.
func inspectStore(ctx context.Context, eng *engine.Engine, req Request, has hasBlob, wanted []digest.Digest) (found, error) {
	f := found{blobs: map[digest.Digest]bool{}}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if present, err := which(ctx, has, wanted); err == nil {
			f.blobs = present // an engine that no longer answers this may still accept the image
		}
		return nil
	})
	group.Go(func() (err error) {
		f.loaded, f.known, err = namesAt(ctx, eng, req.Names, req.Root.Digest)
		return err
	})
	group.Go(func() (err error) {
		f.children, err = eng.Children(ctx, req.Root.Digest.String())
		return err
	})
	err := group.Wait()
	return f, err
}

const (
	partNote  = "the engine has the whole index, with the content of the requested platforms only; a pull of another platform adds its content"
	wholeNote = "this engine takes whole indexes only, so all platforms were loaded"
)

// digestsOf returns all digests of an image, each once.
func digestsOf(graph layout.Graph) (digests []digest.Digest) {
	for _, node := range graph.Nodes {
		digests = append(digests, node.Descriptor.Digest)
	}
	for _, blob := range graph.Blobs {
		digests = append(digests, blob.Digest)
	}
	return digests
}

// namesAt returns the names that the engine has for the root already, and whether it has the root at all, under any name: content
// that no image holds may be deleted at any time.
func namesAt(ctx context.Context, eng *engine.Engine, names []reference.NamedTagged, root digest.Digest) (loaded []Loaded, known bool, err error) {
	for _, name := range names {
		img, err := eng.Image(ctx, name.String())
		if err != nil {
			return nil, false, err
		}
		known = known || img.ID == root
		loaded = append(loaded, Loaded{Name: reference.FamiliarString(name), ID: root, Already: img.ID == root})
	}
	if known {
		return loaded, true, nil
	}
	img, err := eng.Image(ctx, root.String())
	if known = img.ID == root; len(names) == 0 {
		loaded = []Loaded{{ID: root, Already: known}}
	}
	return loaded, known, err
}

// sendIndex sends everything that is not left out. The engine accepts an image with incomplete content, so the omitted blobs must
// still be there after the names are.
func sendIndex(ctx context.Context, eng *engine.Engine, req Request, has hasBlob, leave func(digest.Digest) (skip, spared bool)) error {
	var spared []digest.Digest
	err := eng.Load(ctx, func(w io.Writer) error {
		return layout.WriteOCI(ctx, w, layout.Image{Root: req.Root}, req.Meter.Through(req.Blobs), func(desc ocispecs.Descriptor) bool {
			skip, had := leave(desc.Digest)
			if had {
				spared = append(spared, desc.Digest)
			}
			return skip
		})
	})
	if err != nil {
		return err
	}
	present, err := which(ctx, has, spared)
	if err != nil {
		return err
	}
	for _, d := range spared {
		if !present[d] {
			return fmt.Errorf("the engine has deleted %s in the meantime", d)
		}
	}
	return nil
}

// hasBlob reports whether the engine has a blob.
type hasBlob func(ctx context.Context, d digest.Digest) (bool, error)

// blobsOfEngine connects to the engine's content. An engine that does not show it counts as empty.
func blobsOfEngine(ctx context.Context, eng *engine.Engine) (has hasBlob, closeContent func()) {
	c, err := eng.Content(ctx)
	if err != nil {
		return func(context.Context, digest.Digest) (bool, error) { return false, nil }, func() {}
	}
	return c.Has, func() { _ = c.Close() } // nothing depends on it any more
}

// which asks for many blobs at once.
func which(ctx context.Context, has hasBlob, digests []digest.Digest) (map[digest.Digest]bool, error) {
	present := map[digest.Digest]bool{}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(questionsAtOnce)
	for _, d := range digests {
		group.Go(func() error {
			ok, err := has(groupCtx, d)
			if ok {
				mu.Lock()
				defer mu.Unlock()
				present[d] = true
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return present, nil
}
