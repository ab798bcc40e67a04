// Package load brings finished images into an engine's image store, as few bytes as possible and no tag before its time.
//
// There are two kinds of stores. One of containerd keeps an index with all that belongs to it: it gets the whole image under
// each of the names, and says by the same digest what a registry says. The index is the same one also when only some platforms'
// content is sent; the others can be sent, or pulled, later. A classic store keeps images of one platform: it gets the
// engine's own under the name, and the others under the name with the platform added, as in app:v1-linux-arm64.
//
// What the engine has already is not sent. A containerd store is asked for its blobs; for a classic store the images that it has
// are compared, by their ID and by their layers. Should the engine miss what it was thought to have, everything is sent, once.
//
// All goes through the engine's API, so the engine may be on another machine. What is loaded is read where it is while it is
// sent.
package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Selection says which platforms of an image are loaded. Its zero value is all of them.
type Selection struct {
	Native    bool                // the engine's own, or the one that is nearest to it
	Platforms []platform.Platform // these
}

// Request is an image to be loaded.
type Request struct {
	// Names are what the engine is to call the image. Without any it is loaded under its digest only.
	Names []reference.NamedTagged
	// Root is the index, or the manifest of an image of one platform.
	Root ocispecs.Descriptor
	// Blobs has everything that belongs to the image.
	Blobs content.Fetcher
	// Selection says which platforms.
	Selection Selection
	// Check, if not nil, is asked about everything that makes what was loaded, sent or not, before a name moves.
	Check func(ctx context.Context, blobs ...ocispecs.Descriptor) error
	// Note, if not nil, is told what a user should know, in a line.
	Note func(string)
}

// Loaded is what an engine has now.
type Loaded struct {
	Name     string            // as users write it; empty for an image without a name
	Platform platform.Platform // in a classic store; the zero Platform stands for all of an index or manifest
	ID       digest.Digest     // by which the engine knows it: of the configuration, in a containerd store of the root
	Already  bool              // nothing was sent, and the name was there before
}

// RefusedError says that an engine cannot hold what is to be loaded, or that the image does not have it. Nothing was done.
type RefusedError struct{ text string }

func (e *RefusedError) Error() string { return e.text }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// Check tells before any work whether an engine can hold these platforms of an image for ps. What it cannot hold is a [*RefusedError].
func Check(ctx context.Context, eng *engine.Engine, ps []platform.Platform, sel Selection) error {
	info, err := eng.Info(ctx)
	if err != nil {
		return err
	}
	chosen, err := choose(info, ps, sel)
	if err != nil {
		return err
	}
	for _, i := range chosen {
		if !info.ContainerdStore && ps[i].OS != info.OSType {
			return refuse("cannot load %s: the image store of the engine at %q holds images for %s only; one with the containerd image store holds all",
				platform.Format(ps[i]), eng.Host(), info.OSType)
		}
	}
	return nil
}

// Load brings an image into the engine's store. Names are moved when everything is there, so an error before that leaves them
// where they were. The results are in the order of the names and, under each, of the image; with an error they are the names that
// were moved before.
func Load(ctx context.Context, eng *engine.Engine, req Request) ([]Loaded, error) {
	staged, err := Stage(ctx, eng, req)
	if err != nil {
		return nil, err
	}
	loaded, err := staged.Commit(ctx)
	if err != nil {
		staged.Abort(ctx)
	}
	return loaded, err
}

// Staged is an image that an engine has whole, under no name that it did not have before.
type Staged struct {
	engine *engine.Engine
	images []Loaded
	names  []string        // by the place in images: the name to be moved to it; "" if there is none to move
	sent   []digest.Digest // IDs of images that the engine did not have before
	note   func()          // after the names; may be nil
	warn   func(string)
}

// Stage is the first part of Load: the one that takes time and room. Commit does the rest; until then Abort takes away what was sent.
func Stage(ctx context.Context, eng *engine.Engine, req Request) (*Staged, error) {
	if req.Note == nil {
		req.Note = func(string) {}
	}
	staged := &Staged{engine: eng, warn: req.Note}
	if err := staged.fill(ctx, req); err != nil {
		staged.Abort(ctx)
		return nil, fmt.Errorf("load into the engine at %q: %w", eng.Host(), err)
	}
	return staged, nil
}

// Commit moves the names. The results are Load's; with an error, those until then.
func (s *Staged) Commit(ctx context.Context) ([]Loaded, error) {
	for i, name := range s.names {
		if name == "" {
			continue
		}
		if err := s.engine.Tag(ctx, s.images[i].ID.String(), name); err != nil {
			return s.images[:i], fmt.Errorf("load into the engine at %q: %w", s.engine.Host(), err)
		}
	}
	if s.sent = nil; s.note != nil {
		s.note()
	}
	return s.images, nil
}

// abortTimeout bounds how long an engine is asked to remove images.
const abortTimeout = 10 * time.Second

// Abort removes the images that were sent and have no name, also when ctx is done. What the engine had before stays. An image that cannot
// be removed is noted.
func (s *Staged) Abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	for _, id := range s.sent {
		image, err := s.engine.Image(ctx, id.String())
		if err == nil && image.ID == id && len(image.Names) == 0 { // a name was moved to it, here or by another program
			err = s.engine.RemoveImage(ctx, id.String())
		}
		if err != nil {
			s.warn(fmt.Sprintf("warning: image %s is left on the engine at %q without a name: %v", id, s.engine.Host(), err))
		}
	}
	s.sent = nil
}

// fill brings what was chosen of the image to the engine.
func (s *Staged) fill(ctx context.Context, req Request) error {
	info, err := s.engine.Info(ctx)
	if err != nil {
		return err
	}
	graph, err := layout.Read(ctx, req.Root, req.Blobs)
	if err != nil {
		return err
	}
	images, err := imagesOf(ctx, graph, req.Blobs)
	if err != nil {
		return err
	}
	platforms := make([]platform.Platform, len(images))
	for i, img := range images {
		platforms[i] = img.platform
	}
	if err := Check(ctx, s.engine, platforms, req.Selection); err != nil {
		return err
	}
	chosen, err := choose(info, platforms, req.Selection)
	if err != nil {
		return err
	}
	if info.ContainerdStore {
		out := unwanted(graph, images, chosen)
		return check(ctx, req, s.fillContainerd(ctx, req, graph, out), partsOf(graph, out))
	}
	var wanted []image
	var parts []ocispecs.Descriptor
	for _, i := range chosen {
		wanted = append(wanted, images[i])
		parts = append(append(parts, images[i].node.Descriptor), blobsOf(images[i].node)...)
	}
	// An image that comes alone needs no other name: it is what was asked for.
	plain := 0
	if len(wanted) > 1 {
		plain = slices.Index(chosen, Own(info, platforms))
	}
	return check(ctx, req, s.fillClassic(ctx, req, wanted, plain), parts)
}

// check asks about what was sent, unless that failed.
func check(ctx context.Context, req Request, failed error, parts []ocispecs.Descriptor) error {
	if failed != nil || req.Check == nil {
		return failed
	}
	return req.Check(ctx, parts...)
}

// choose gives the places of the chosen platforms, in the order of ps.
func choose(info engine.Info, ps []platform.Platform, sel Selection) ([]int, error) {
	var chosen []int
	if !sel.Native && len(sel.Platforms) == 0 {
		for i := range ps {
			chosen = append(chosen, i)
		}
		return chosen, nil
	}
	if sel.Native {
		i := Own(info, ps)
		if i < 0 {
			return nil, refuse("cannot load the engine's own platform, %s: the image is for %s", platform.Format(Machine(info)), list(ps))
		}
		chosen = append(chosen, i)
	}
	for _, p := range sel.Platforms {
		i := slices.IndexFunc(ps, func(other platform.Platform) bool { return platform.Equal(p, other) })
		if i < 0 {
			return nil, refuse("cannot load %s: the image is for %s", platform.Format(p), list(ps))
		}
		chosen = append(chosen, i)
	}
	slices.Sort(chosen)
	return slices.Compact(chosen), nil
}

func list(ps []platform.Platform) string { return strings.Join(platform.FormatAll(ps), ", ") }

// retried runs a load that leaves out what the engine is thought to have and, when the engine refuses it, one that leaves out
// nothing.
func retried(ctx context.Context, spared bool, try func(spare bool) error) error {
	err := try(spared)
	if !spared || !mayRetry(ctx, err) {
		return err
	}
	if again := try(false); again != nil {
		return errors.Join(again, fmt.Errorf("and before, without what the engine seemed to have: %w", err))
	}
	return nil
}

// mayRetry tells a load that another one, with more in it, may make good.
func mayRetry(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrUnreachable)
}
