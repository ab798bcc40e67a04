// Package rootfs lays the layers of an image on top of each other, as an engine does, and resolves paths in the result. Lower
// layers are listed one by one, only if a path is in no layer above. No path leads out of the image.
package rootfs

import (
	"context"
	"path"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// maxLinks bounds the links in one path's resolution. Linux has the same bound.
const maxLinks = 40

// A Layer is a layer of an image.
type Layer struct {
	Descriptor ocispecs.Descriptor
	Base       bool // it came with the base image
}

// A Lister lists layers as [layers.Lister] does.
type Lister interface {
	List(ctx context.Context, desc ocispecs.Descriptor, limited bool) (*listing.Listing, error)
}

// A Root is an image's file system.
type Root struct {
	Lister Lister
	Layers []Layer // the lowest first
	// Unlimited means that base layers are read whatever their size.
	Unlimited bool
	// Listed is called for each requested layer when its listing has ended.
	Listed func(i int)

	listings []*listing.Listing // by layer; nil if there is none
	asked    []bool             // by layer: the listing has been requested
	errs     []error            // by layer: the reason for a missing listing
}

// ListAdded lists the layers that did not come with the base image, all at once. It must be called first. It fails if a layer
// could not be requested. Problems of a layer itself are in [Root.Errs].
func (r *Root) ListAdded(ctx context.Context) error {
	n := len(r.Layers)
	r.listings, r.asked, r.errs = make([]*listing.Listing, n), make([]bool, n), make([]error, n)
	group, ctx := errgroup.WithContext(ctx)
	for i, layer := range r.Layers {
		if layer.Base {
			continue
		}
		r.asked[i] = true
		group.Go(func() error {
			r.listings[i], r.errs[i] = r.Lister.List(ctx, layer.Descriptor, false)
			if layers.IsVerdict(r.errs[i]) {
				return nil
			}
			return r.errs[i]
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range r.Layers {
		r.Listed(i)
	}
	return nil
}

// Listing returns the listing of a layer, or nil if there is none, or none yet.
func (r *Root) Listing(i int) *listing.Listing { return r.listings[i] }

// Errs returns for each layer the reason for a missing listing. It is nil for a layer that has one, or was not requested.
func (r *Root) Errs() []error { return r.errs }

// NothingSeen reports whether layers were requested, and none of them could be listed.
func (r *Root) NothingSeen() bool {
	present := func(l *listing.Listing) bool { return l != nil }
	return slices.Contains(r.asked, true) && !slices.ContainsFunc(r.listings, present)
}

// Covers reports whether a layer above the one at i has another entry at a path, or hides it.
func (r *Root) Covers(i int, path string) bool {
	return slices.ContainsFunc(r.listings[i+1:], func(l *listing.Listing) bool {
		if l == nil {
			return false
		}
		_, found := l.Find(path)
		return found || l.Hides(path)
	})
}

// Outcome is whether a path exists in an image.
type Outcome int

// These are the outcomes. Unknown means that a layer that was not read may have it.
const (
	Absent Outcome = iota
	Found
	Unknown
)

// A Place is an entry of an image, and its layer.
type Place struct {
	listing.Entry
	Layer int
}

// A View is an image's layers on top of each other.
type View struct {
	Root *Root
	// Shallow reads no further layers, and takes unread ones for empty.
	Shallow bool
}

// find looks a path up without following links. implied means that a layer above the result has something below the path, and no
// entry for the path itself. Lower layers then decide its type. It is a folder if none of them has it.
func (v View) find(ctx context.Context, p string, top int) (at Place, implied bool, o Outcome) {
	impliedAt := -1
	for i := top; i >= 0; i-- {
		l, known := v.Listing(ctx, i)
		if !known {
			return at, false, Unknown
		}
		if l == nil {
			continue
		}
		if e, ok := l.Find(p); ok {
			return Place{Entry: e, Layer: i}, impliedAt >= 0, Found
		}
		if l.Cut {
			return at, false, Unknown
		}
		if impliedAt < 0 && l.Implies(p) {
			impliedAt = i
		}
		if l.Hides(p) {
			break
		}
	}
	if impliedAt >= 0 {
		return Place{Entry: listing.Entry{Path: p, Type: listing.Dir, Mode: 0o755}, Layer: impliedAt}, true, Found
	}
	return at, false, Absent
}

// Listing returns a layer's listing. It returns nil and true if the layer counts as empty.
func (v View) Listing(ctx context.Context, i int) (*listing.Listing, bool) {
	r := v.Root
	if !r.asked[i] {
		if v.Shallow {
			return nil, true
		}
		r.asked[i] = true
		r.listings[i], r.errs[i] = r.Lister.List(ctx, r.Layers[i].Descriptor, !r.Unlimited)
		r.Listed(i)
	}
	return r.listings[i], r.listings[i] != nil || v.Shallow
}

// Resolve resolves a path as the kernel does with the image's root as root: symlinks, .., hard links.
func (v View) Resolve(ctx context.Context, name string) (Place, Outcome) {
	c := resolution{View: v, at: root(), top: len(v.Root.Layers) - 1}
	var ok bool
	if c.todo, ok = split(name); !ok {
		return Place{}, Absent
	}
	return c.resolve(ctx)
}

// Below resolves a name from a folder.
func (v View) Below(ctx context.Context, dir Place, name string) (Place, Outcome) {
	c := resolution{View: v, at: dir, todo: []string{name}, top: len(v.Root.Layers) - 1}
	return c.resolve(ctx)
}

func (c *resolution) resolve(ctx context.Context) (Place, Outcome) {
	for len(c.todo) > 0 {
		if o := c.step(ctx); o != Found {
			return Place{}, o
		}
	}
	return c.at, Found
}

// A resolution is the state of resolving a path.
type resolution struct {
	View
	at    Place
	todo  []string
	links int
	top   int
}

func root() Place { return Place{Entry: listing.Entry{Type: listing.Dir, Mode: 0o755}} }

// step resolves the next name.
func (c *resolution) step(ctx context.Context) Outcome {
	next := c.todo[0]
	c.todo = c.todo[1:]
	if c.at.Type != listing.Dir {
		return Absent
	}
	if next == ".." {
		c.at = Place{Entry: listing.Entry{Path: listing.Parent(c.at.Path), Type: listing.Dir, Mode: 0o755}}
		return Found
	}
	p := strings.TrimPrefix(c.at.Path+"/"+next, "/")
	at, implied, o := c.find(ctx, p, c.top)
	if o == Found && at.Type == listing.Hardlink {
		at, o = c.linked(ctx, at)
	}
	if o != Found {
		return o
	}
	if at.Type != listing.Symlink {
		c.at = at
		return Found
	}
	if implied { // a layer above has files "below" the link: an engine unpacks them at its target
		literal, _, o := c.find(ctx, path.Join(p, path.Join(c.todo...)), c.top)
		if o == Found && literal.Layer > at.Layer {
			c.at, c.todo = literal, nil
			return Found
		}
	}
	return c.follow(at.Link)
}

// follow continues with the target of a symlink.
func (c *resolution) follow(link string) Outcome {
	more, ok := split(link)
	if c.links++; !ok || c.links > maxLinks || len(more)+len(c.todo) > listing.MaxDepth {
		return Absent
	}
	c.todo = append(more, c.todo...)
	if strings.HasPrefix(link, "/") {
		c.at = root()
	}
	return Found
}

// linked follows hard links, whose targets are in the same layer or in one below.
func (v View) linked(ctx context.Context, from Place) (Place, Outcome) {
	for range maxLinks {
		to, _, o := v.find(ctx, from.Link, from.Layer)
		if o != Found || to.Type != listing.Hardlink {
			return to, o
		}
		from = to
	}
	return Place{}, Absent
}

// split splits a path. ok is false for a path that no kernel accepts.
func split(name string) (parts []string, ok bool) {
	if name == "" || len(name) >= listing.MaxPath {
		return nil, false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts, len(parts) <= listing.MaxDepth
}
