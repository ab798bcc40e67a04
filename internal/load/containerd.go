package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// questionsAtOnce bounds the questions to an engine that run at the same time.
const questionsAtOnce = 16

// fillContainerd brings an image into a containerd store, without the unwanted digests.
func (s *Staged) fillContainerd(ctx context.Context, req Request, graph layout.Graph, out map[digest.Digest]bool) error {
	var wanted []digest.Digest
	for _, d := range digestsOf(graph) {
		if !out[d] {
			wanted = append(wanted, d)
		}
	}
	has, closeContent := blobsOfEngine(ctx, s.engine)
	defer closeContent()
	found, err := survey(ctx, s.engine, req, has, wanted)
	if err != nil {
		return err
	}
	there, loaded := found.blobs, found.loaded
	complete := len(there) == len(wanted)
	s.images, s.names = loaded, make([]string, len(loaded))
	for i, l := range loaded {
		if !l.Already && len(req.Names) > 0 {
			s.names[i] = req.Names[i].String()
		}
		loaded[i].Already = l.Already && complete
	}
	if len(out) > 0 {
		s.note = func() { req.Note(partNote) }
	}
	if complete && found.known {
		return nil
	}
	if !found.known {
		s.sent = append(s.sent, req.Root.Digest)
	}
	send := func(out, there map[digest.Digest]bool) error {
		return sendIndex(ctx, s.engine, req, has, func(d digest.Digest) (skip, spared bool) { return out[d] || there[d], there[d] })
	}
	err = retried(ctx, len(there) > 0, func(spare bool) error {
		if !spare {
			return send(out, nil)
		}
		return send(out, there)
	})
	if mayRetry(ctx, err) && len(out) > 0 {
		// Engines before 28 take whole indexes only.
		if send(nil, nil) == nil {
			s.note, err = func() { req.Note(wholeNote) }, nil
		}
	}
	return err
}

// found is what an engine has before a load.
type found struct {
	blobs  map[digest.Digest]bool // of those that were asked for
	loaded []Loaded               // the names, and whether they are the image's already
	known  bool                   // the image has a name, or was loaded without one
}

// survey asks for all of it at once: an engine takes its time to look at an image of many platforms.
func survey(ctx context.Context, eng *engine.Engine, req Request, has hasBlob, wanted []digest.Digest) (found, error) {
	f := found{blobs: map[digest.Digest]bool{}}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if there, err := which(ctx, has, wanted); err == nil {
			f.blobs = there // an engine that stops answering this may still take the image
		}
		return nil
	})
	group.Go(func() (err error) {
		f.loaded, f.known, err = namesAt(ctx, eng, req.Names, req.Root.Digest)
		return err
	})
	err := group.Wait()
	return f, err
}

const (
	partNote  = "the engine has the index as it is, with the content of the platforms that were asked for only; docker pull --platform gets others"
	wholeNote = "this engine takes whole indexes only: all platforms were loaded"
)

// digestsOf are all digests of an image, each once.
func digestsOf(graph layout.Graph) (digests []digest.Digest) {
	for _, node := range graph.Nodes {
		digests = append(digests, node.Descriptor.Digest)
	}
	for _, blob := range graph.Blobs {
		digests = append(digests, blob.Digest)
	}
	return digests
}

// namesAt tells which names the engine has for the root already, and whether it knows the root at all, by whatever name: content
// that no image holds may go at any time.
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

// sendIndex sends what is not left out. The engine takes an image whose content is not whole, so what was spared must still be
// there when the names are.
func sendIndex(ctx context.Context, eng *engine.Engine, req Request, has hasBlob, leave func(digest.Digest) (skip, spared bool)) error {
	var spared []digest.Digest
	err := eng.Load(ctx, func(w io.Writer) error {
		return layout.WriteOCI(ctx, w, layout.Image{Root: req.Root}, req.Blobs, func(desc ocispecs.Descriptor) bool {
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
	there, err := which(ctx, has, spared)
	if err != nil {
		return err
	}
	for _, d := range spared {
		if !there[d] {
			return fmt.Errorf("the engine has lost %s meanwhile", d)
		}
	}
	return nil
}

// hasBlob tells whether the engine has a blob.
type hasBlob func(ctx context.Context, d digest.Digest) (bool, error)

// blobsOfEngine connects to the engine's content. An engine that does not show it has nothing.
func blobsOfEngine(ctx context.Context, eng *engine.Engine) (has hasBlob, closeContent func()) {
	c, err := eng.Content(ctx)
	if err != nil {
		return func(context.Context, digest.Digest) (bool, error) { return false, nil }, func() {}
	}
	return c.Has, func() { _ = c.Close() } // nothing depends on it any more
}

// which asks for many blobs at once.
func which(ctx context.Context, has hasBlob, digests []digest.Digest) (map[digest.Digest]bool, error) {
	there := map[digest.Digest]bool{}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(questionsAtOnce)
	for _, d := range digests {
		group.Go(func() error {
			ok, err := has(groupCtx, d)
			if ok {
				mu.Lock()
				defer mu.Unlock()
				there[d] = true
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	return there, nil
}
