package gate

import (
	"context"
	"path"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
)

// maxLinks is how many links a path may lead through; Linux has the same bound.
const maxLinks = 40

// outcome is whether something is in an image.
type outcome int

const (
	absent  outcome = iota
	found           // and known
	unknown         // it may be in a layer that was not read
)

// A place is an entry of an image, and the layer that it is in.
type place struct {
	layers.Entry
	layer int
}

// A view is an image's layers on top of each other. Lower layers are read only for what is in none above.
type view struct {
	x *examination
	// shallow looks into no layer that was not read yet, and takes it for empty.
	shallow bool
}

// find looks at a path as it is, without following anything. implied says that a layer above what was found has something below the
// path without saying what the path is: then lower layers decide, and it is a folder if none does.
func (v view) find(ctx context.Context, p string, top int) (at place, implied bool, o outcome) {
	impliedAt := -1
	for i := top; i >= 0; i-- {
		l, known := v.listing(ctx, i)
		if !known {
			return at, false, unknown
		}
		if l == nil {
			continue
		}
		if e, ok := l.Find(p); ok {
			return place{Entry: e, layer: i}, impliedAt >= 0, found
		}
		if l.Cut {
			return at, false, unknown
		}
		if impliedAt < 0 && l.Implies(p) {
			impliedAt = i
		}
		if l.Hides(p) {
			break
		}
	}
	if impliedAt >= 0 {
		return place{Entry: layers.Entry{Path: p, Type: layers.Dir, Mode: 0o755}, layer: impliedAt}, true, found
	}
	return at, false, absent
}

// listing returns a layer's listing; nil and true if it counts as empty.
func (v view) listing(ctx context.Context, i int) (*layers.Listing, bool) {
	x := v.x
	if !x.asked[i] {
		if v.shallow {
			return nil, true
		}
		x.asked[i] = true
		x.listings[i], x.errs[i] = x.lister.List(ctx, x.img.Layers[i].Descriptor, x.opt.Mode != Strict)
		x.noListing(i, x.errs[i])
	}
	return x.listings[i], x.listings[i] != nil || v.shallow
}

// resolve follows a path to what it names, as the kernel does with the image's root as root: symlinks, .., hard links.
func (v view) resolve(ctx context.Context, name string) (place, outcome) {
	c := climb{view: v, at: root(), top: len(v.x.img.Layers) - 1}
	var ok bool
	if c.todo, ok = split(name); !ok {
		return place{}, absent
	}
	return c.climb(ctx)
}

// below follows a name from a folder.
func (v view) below(ctx context.Context, dir place, name string) (place, outcome) {
	c := climb{view: v, at: dir, todo: []string{name}, top: len(v.x.img.Layers) - 1}
	return c.climb(ctx)
}

func (c *climb) climb(ctx context.Context) (place, outcome) {
	for len(c.todo) > 0 {
		if o := c.step(ctx); o != found {
			return place{}, o
		}
	}
	return c.at, found
}

// A climb is a path on its way.
type climb struct {
	view
	at    place
	todo  []string
	links int
	top   int
}

func root() place { return place{Entry: layers.Entry{Type: layers.Dir, Mode: 0o755}} }

// step goes on by one name.
func (c *climb) step(ctx context.Context) outcome {
	next := c.todo[0]
	c.todo = c.todo[1:]
	if c.at.Type != layers.Dir {
		return absent
	}
	if next == ".." {
		c.at = place{Entry: layers.Entry{Path: layers.Parent(c.at.Path), Type: layers.Dir, Mode: 0o755}}
		return found
	}
	p := strings.TrimPrefix(c.at.Path+"/"+next, "/")
	at, implied, o := c.find(ctx, p, c.top)
	if o == found && at.Type == layers.Hardlink {
		at, o = c.linked(ctx, at)
	}
	if o != found {
		return o
	}
	if at.Type != layers.Symlink {
		c.at = at
		return found
	}
	if implied { // a layer above has files "below" the link: unpacked, they are where it leads
		literal, _, o := c.find(ctx, path.Join(p, path.Join(c.todo...)), c.top)
		if o == found && literal.layer > at.layer {
			c.at, c.todo = literal, nil
			return found
		}
	}
	return c.follow(at.Link)
}

// follow goes on where a symlink leads.
func (c *climb) follow(link string) outcome {
	more, ok := split(link)
	if c.links++; !ok || c.links > maxLinks || len(more)+len(c.todo) > layers.MaxDepth {
		return absent
	}
	c.todo = append(more, c.todo...)
	if strings.HasPrefix(link, "/") {
		c.at = root()
	}
	return found
}

// linked follows hard links, which name what is in the same layer or one below.
func (v view) linked(ctx context.Context, from place) (place, outcome) {
	for range maxLinks {
		to, _, o := v.find(ctx, from.Link, from.layer)
		if o != found || to.Type != layers.Hardlink {
			return to, o
		}
		from = to
	}
	return place{}, absent
}

// split takes a path apart; not ok is one that no kernel takes.
func split(name string) (parts []string, ok bool) {
	if name == "" || len(name) >= layers.MaxPath {
		return nil, false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts, len(parts) <= layers.MaxDepth
}
