// Package load copies finished images into an engine's image store. It sends as few bytes as possible, and sets tags last.
//
// There are two kinds of stores. A containerd store keeps an index with everything that belongs to it: it gets the whole image
// under each of the names, and its digest is that of a registry. The index is the same one also when only some platforms' content
// is sent; the others can be sent, or pulled, later. A classic store keeps images of one platform: it gets the engine's own under
// the name, and the others under the name with the platform added, as in app:v1-linux-arm64.
//
// Existing content is not sent. A containerd store is asked for its blobs; a classic store's images are compared by their ID and
// by their layers. If the engine turns out to lack assumed content, everything is sent, once.
//
// All requests go through the engine's API, so the engine may be on another machine. Content is read from its source while it is
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

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Selection determines which platforms of an image are loaded. Its zero value means all of them.
type Selection struct {
	Native    bool                // the engine's own, or the one that is nearest to it
	Platforms []platform.Platform // these
}

// Request is an image to be loaded.
type Request struct {
	// Names are the image's names on the engine. Without names it is loaded under its digest only.
	Names []reference.NamedTagged
	// Root is the index, or the manifest of an image of one platform.
	Root ocispecs.Descriptor
	// Blobs has everything that belongs to the image.
	Blobs content.Fetcher
	// Selection determines the platforms.
	Selection Selection
	// Check, if not nil, is called for everything that the loaded images consist of, sent or not, before a name moves.
	Check func(ctx context.Context, blobs ...ocispecs.Descriptor) error
	// Carry, if not nil, makes the engine fetch images without this machine, as far as it can: what the engine lacks after that is sent.
	// release ends what Carry has the engine keep the images by; it is called when they have their names, or are given up. It is not called
	// for images without a name.
	Carry func(context.Context, []Portable) (release func(context.Context))
	// Meter counts the bytes of layers while they are sent; nil counts nothing.
	Meter *transfer.Meter
	// Note, if not nil, gets messages for the user.
	Note diag.Notes
}

// Portable is an image of one platform, of which an engine lacks layers.
type Portable struct {
	Manifest, Config ocispecs.Descriptor
	Layers           []ocispecs.Descriptor // all of them
	Missing          []ocispecs.Descriptor // those that the engine is known to lack
	Platform         platform.Platform
}

// Loaded is a loaded image.
type Loaded struct {
	Name     string            // as users write it; empty for an image without a name
	Platform platform.Platform // in a classic store; the zero Platform stands for all of an index or manifest
	ID       digest.Digest     // the engine's ID: of the configuration, in a containerd store of the root
	Already  bool              // nothing was sent, and the engine had the name before
}

// RefusedError means that an engine cannot hold the platforms to be loaded, or that the image does not have them. Nothing was
// changed.
type RefusedError struct{ text string }

func (e *RefusedError) Error() string { return e.text }

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// Check finds out before any work whether an engine can hold these platforms of an image for ps. If not, the error is a
// [*RefusedError].
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

// Load loads an image into the engine's store. Names are moved after the engine has all content, so an earlier error leaves them
// unchanged. The results are in the order of the names and, under each, of the image; with an error they are the names that were
// moved before.
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

// Staged is an image whose content is complete on an engine, without new names.
type Staged struct {
	engine *engine.Engine
	images []Loaded
	names  []string // by the index in images: the name to be moved to it; "" if there is none
	sent   []sent   // images that the engine did not have before
	note   func()   // after the names; may be nil
	// release is that of Request.Carry; nil if there is nothing to release.
	release func(context.Context)
	warn    diag.Notes
}

// sent is an image without a name on the engine, by its ID. gone ends the record of that.
type sent struct {
	id   digest.Digest
	gone func()
}

// sends notes that an image will be sent.
func (s *Staged) sends(ctx context.Context, id digest.Digest) {
	s.sent = append(s.sent, sent{id, s.engine.Temporary(ctx, engine.Nameless, id.String())})
}

// Stage is the first part of Load, which takes time and space. Commit does the rest; until then Abort removes the sent images.
func Stage(ctx context.Context, eng *engine.Engine, req Request) (*Staged, error) {
	if req.Note == nil {
		req.Note = func(diag.Diagnostic) {}
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
	for _, one := range s.sent {
		one.gone()
	}
	s.releaseCarried(ctx)
	if s.sent = nil; s.note != nil {
		s.note()
	}
	return s.images, nil
}

// abortTimeout bounds the removal of images.
const abortTimeout = 10 * time.Second

// Abort removes the images that were sent and have no name, also when ctx is done. Images that the engine had before stay. Images
// that cannot be removed are reported in a note.
func (s *Staged) Abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	s.releaseCarried(ctx)
	for _, one := range s.sent {
		if err := s.engine.RemoveNameless(ctx, one.id.String()); err != nil { // a name may have been moved to it, here or by another program
			s.warn(diag.Warningf("image %s may be on the engine at %q without a name until the next command removes it: %v", one.id, s.engine.Host(), err))
			continue
		}
		one.gone()
	}
	s.sent = nil
}

// carry has the engine fetch images. It reports whether the engine may have more than before.
func (s *Staged) carry(ctx context.Context, req Request, images []Portable) bool {
	if req.Carry == nil || len(req.Names) == 0 || len(images) == 0 {
		return false
	}
	s.release = req.Carry(ctx, images)
	return true
}

func (s *Staged) releaseCarried(ctx context.Context) {
	if s.release != nil {
		s.release(ctx)
	}
	s.release = nil
}

// fill loads the chosen parts of the image into the engine.
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
		return check(ctx, req, s.fillContainerd(ctx, req, graph, images, out), partsOf(graph, out))
	}
	var wanted []image
	var parts []ocispecs.Descriptor
	for _, i := range chosen {
		wanted = append(wanted, images[i])
		parts = append(append(parts, images[i].node.Descriptor), blobsOf(images[i].node)...)
	}
	// An image that is loaded alone needs no other name: it is the requested one.
	plain := 0
	if len(wanted) > 1 {
		plain = slices.Index(chosen, NativeIndex(info, platforms))
	}
	return check(ctx, req, s.fillClassic(ctx, req, wanted, plain), parts)
}

// check calls Check for the sent parts, unless sending failed.
func check(ctx context.Context, req Request, failed error, parts []ocispecs.Descriptor) error {
	if failed != nil || req.Check == nil {
		return failed
	}
	return req.Check(ctx, parts...)
}

// choose returns the indexes of the chosen platforms, in the order of ps.
func choose(info engine.Info, ps []platform.Platform, sel Selection) ([]int, error) {
	var chosen []int
	if !sel.Native && len(sel.Platforms) == 0 {
		for i := range ps {
			chosen = append(chosen, i)
		}
		return chosen, nil
	}
	if sel.Native {
		i := NativeIndex(info, ps)
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

// retried runs a load that leaves out the content that the engine is assumed to have and, when the engine refuses it, one that
// leaves out nothing.
func retried(ctx context.Context, spared bool, try func(spare bool) error) error {
	err := try(spared)
	if !spared || !mayRetry(ctx, err) {
		return err
	}
	if again := try(false); again != nil {
		return errors.Join(again, fmt.Errorf("and the first attempt, without the content that the engine seemed to have: %w", err))
	}
	return nil
}

// mayRetry reports whether a load with more content may succeed after this error.
func mayRetry(ctx context.Context, err error) bool {
	_, full := errors.AsType[*engine.FullError](err)
	_, source := errors.AsType[*engine.SourceError](err)
	return err != nil && ctx.Err() == nil && !errors.Is(err, engine.ErrUnreachable) && !full && !source
}
