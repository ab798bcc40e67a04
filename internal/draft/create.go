package draft

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// CreateRequest says what a draft is to hold.
type CreateRequest struct {
	List   reference.NamedTagged
	Images []reference.Named // with a tag or a digest; one that comes twice counts once
	Amend  bool              // join them with what is there
	Note   func(string)      // is told what the user should know; never nil
}

// ExistsError says that a draft holds other images than those that it was to be made of.
type ExistsError struct {
	List   string
	Images []string // that it holds
}

func (e *ExistsError) Error() string { // docker manifest's words
	return "refusing to amend an existing manifest list with no --amend flag"
}

// Create makes a draft of what the names name now. For the names of a draft that is there already the same draft comes out, with what
// they name now and with its annotations; other names are an [*ExistsError], unless the draft was pushed, and is begun anew, or is to be
// amended. Nothing is kept of an error but what was there.
func (s Store) Create(ctx context.Context, c *manifest.Client, req CreateRequest) error {
	names := unique(req.Images)
	old, err := s.Read(ctx, req.List)
	if err == nil && !mayBecome(old, names, req.Amend) { // before anything is asked of a registry
		return exists(old)
	}
	var broken *CorruptError
	switch {
	case errors.As(err, &broken) && !req.Amend:
		req.Note(broken.Error() + "; a new one is made")
	case err != nil && !errors.Is(err, ErrNone):
		return err
	}
	images, err := Look(ctx, c, names)
	if err != nil {
		return err
	}
	var notes []string
	err = s.Update(ctx, req.List, func(old *Draft) (*Draft, error) {
		var d *Draft
		switch {
		case old == nil, old.Pushed != "" && !req.Amend:
			d = &Draft{List: req.List.String(), Images: images}
		case !mayBecome(*old, names, req.Amend):
			return nil, exists(*old)
		default:
			d, notes = old.with(images)
		}
		notes = append(notes, d.concerns()...)
		return d, nil
	})
	for _, note := range notes {
		req.Note(note)
	}
	return err
}

func unique(names []reference.Named) (each []reference.Named) {
	for _, name := range names {
		if !slices.ContainsFunc(each, func(n reference.Named) bool { return n.String() == name.String() }) {
			each = append(each, name)
		}
	}
	return each
}

// mayBecome tells whether a draft may be made of the names without --amend: it was pushed, or has the same names.
func mayBecome(old Draft, names []reference.Named, amend bool) bool {
	if amend || old.Pushed != "" {
		return true
	}
	if len(names) != len(old.Images) {
		return false
	}
	for _, name := range names {
		if !slices.ContainsFunc(old.Images, func(i Image) bool { return i.Name == name.String() }) {
			return false
		}
	}
	return true
}

func exists(d Draft) error {
	e := &ExistsError{List: familiar(d.List)}
	for _, image := range d.Images {
		e.Images = append(e.Images, familiar(image.Name))
	}
	return e
}

// with is the draft with images as they are now: in the place of those of the same name, else at its end. In a draft that was pushed, a
// new image also takes the place of one for the same platform. The notes say what became of the rest. d stays as it is.
func (d Draft) with(images []Image) (*Draft, []string) {
	var notes []string
	d.Images = slices.Clone(d.Images)
	for _, image := range images {
		if i := slices.IndexFunc(d.Images, func(old Image) bool { return old.Name == image.Name }); i >= 0 {
			var said []string
			d.Images[i], said = image.annotatedAs(d.Images[i])
			notes = append(notes, said...)
			continue
		}
		if d.Pushed != "" {
			var said []string
			d.Images, said = displace(d.Images, image)
			notes = append(notes, said...)
		}
		d.Images = append(d.Images, image)
	}
	return &d, notes
}

// displace leaves out the images for whose platform there is a new one.
func displace(images []Image, by Image) (kept []Image, notes []string) {
	for _, image := range images {
		var children []Child
		for _, child := range image.Children {
			if !slices.ContainsFunc(by.Children, func(c Child) bool { return platform.Equal(c.Platform(), child.Platform()) }) {
				children = append(children, child)
				continue
			}
			notes = append(notes, fmt.Sprintf("%s takes the place of %s for %s", familiar(by.Name), familiar(image.Name), platform.Format(child.Platform())))
		}
		if image.Children = children; len(children) > 0 {
			kept = append(kept, image)
		}
	}
	return kept, notes
}

// annotatedAs is the image as it is now with the annotations that it had: those of the same digest, else of the same platform, if they do
// not contradict what it is now.
func (i Image) annotatedAs(old Image) (Image, []string) {
	var notes []string
	if i.Root.Digest != old.Root.Digest {
		notes = append(notes, fmt.Sprintf("%s has changed in the registry: %s is now %s", familiar(i.Name), old.Root.Digest, i.Root.Digest))
	}
	i.Children = slices.Clone(i.Children)
	for _, before := range old.Children {
		if before.Annotated == nil {
			continue
		}
		n := slices.IndexFunc(i.Children, func(c Child) bool { return c.Descriptor.Digest == before.Descriptor.Digest })
		if n < 0 {
			n = slices.IndexFunc(i.Children, func(c Child) bool { return c.Annotated == nil && platform.Equal(c.Config, before.Config) })
		}
		if n < 0 {
			notes = append(notes, fmt.Sprintf("%s is no longer for %s: what was annotated of it is dropped", familiar(i.Name), platform.Format(before.Config)))
			continue
		}
		i.Children[n].Annotated, i.Children[n].Forced = before.Annotated, before.Forced
	}
	return i, notes
}

// concerns are what stands between a draft and its push, or looks wrong.
func (d Draft) concerns() (notes []string) {
	for _, said := range d.Doubles() {
		notes = append(notes, said+": push will refuse that, unless one is annotated as something else")
	}
	for _, image := range d.Images {
		if image.others > 0 {
			notes = append(notes, fmt.Sprintf("%s: left out of the list: %d that are neither images nor about one", familiar(image.Name), image.others))
		}
		for _, child := range image.Children {
			p := child.Platform()
			if p.OS == "" || p.Architecture == "" {
				notes = append(notes, fmt.Sprintf("%s does not say for which platform it is: annotate it with --os and --arch", familiar(image.Name)))
				continue
			}
			if what := contradiction(child.Config, p); what != "" && !child.Forced {
				notes = append(notes, fmt.Sprintf("%s stands for %s in its index, but %s", familiar(image.Name), platform.Format(p), what))
			}
		}
	}
	return notes
}

// contradiction says in what a platform contradicts a configuration; "" if in nothing. What a configuration leaves out can be added.
func contradiction(config, p ocispecs.Platform) string {
	said, p := platform.Normalize(config), platform.Normalize(p)
	words := func(what, has string) string { return fmt.Sprintf("its configuration says %s %s", what, has) }
	switch {
	case config.OS != "" && said.OS != p.OS:
		return words("os", config.OS)
	case config.Architecture != "" && said.Architecture != p.Architecture:
		return words("architecture", config.Architecture)
	case config.Variant != "" && said.Variant != p.Variant:
		return words("variant", config.Variant)
	case config.OSVersion != "" && said.OSVersion != p.OSVersion:
		return words("os.version", config.OSVersion)
	}
	return ""
}
