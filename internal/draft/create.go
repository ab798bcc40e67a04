package draft

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// CreateRequest is the input of [Store.Create].
type CreateRequest struct {
	List   reference.NamedTagged
	Images []reference.Named // with a tag or a digest; duplicates count once
	Amend  bool              // add them to the existing draft
	Note   func(string)      // receives messages for the user; never nil
}

// ExistsError means that there is a draft of other images than the requested ones.
type ExistsError struct {
	List   string
	Images []string // of the existing draft
}

func (e *ExistsError) Error() string {
	return fmt.Sprintf("the manifest list %s has other images: %s", e.List, strings.Join(e.Images, ", "))
}

// Create makes a draft of the images that the names refer to now. If there is a draft of the same names, it keeps its annotations
// and gets the current images. If its names differ, the error is an [*ExistsError], unless it was pushed and is started again, or is
// to be amended. An error changes nothing.
func (s Store) Create(ctx context.Context, c *manifest.Client, req CreateRequest) error {
	names := unique(req.Images)
	old, err := s.Read(ctx, req.List)
	if err == nil && !mayBecome(old, names, req.Amend) { // before any request to a registry
		return exists(old)
	}
	var broken *CorruptError
	switch {
	case errors.As(err, &broken) && !req.Amend:
		req.Note(broken.Error() + "; a new draft is created")
	case err != nil && !errors.Is(err, ErrNone):
		return err
	}
	images, err := ReadImages(ctx, c, names)
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

// mayBecome reports whether a draft may be made of the names: it is amended, was pushed, or has the same names.
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

// with returns the draft with new images: in place of those of the same name, otherwise at its end. In a draft that was pushed, a
// new image also replaces one for the same platform. The notes describe the changes to the others. d itself does not change.
func (d Draft) with(images []Image) (*Draft, []string) {
	var notes []string
	d.Images = slices.Clone(d.Images)
	for _, image := range images {
		if i := slices.IndexFunc(d.Images, func(old Image) bool { return old.Name == image.Name }); i >= 0 {
			var changes []string
			d.Images[i], changes = image.annotatedAs(d.Images[i])
			notes = append(notes, changes...)
			continue
		}
		if d.Pushed != "" {
			var changes []string
			d.Images, changes = displace(d.Images, image)
			notes = append(notes, changes...)
		}
		d.Images = append(d.Images, image)
	}
	return &d, notes
}

// displace removes the images whose platform the new image has.
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

// annotatedAs returns the image with the annotations of the old one: those of the same digest, otherwise of the same platform,
// unless they contradict the new configuration.
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
			notes = append(notes, fmt.Sprintf("%s is no longer for %s: its annotation is dropped", familiar(i.Name), platform.Format(before.Config)))
			continue
		}
		i.Children[n].Annotated, i.Children[n].Forced = before.Annotated, before.Forced
	}
	return i, notes
}

// concerns returns notes about what would stop a push of the draft, or looks wrong.
func (d Draft) concerns() (notes []string) {
	for _, duplicate := range d.Duplicates() {
		notes = append(notes, duplicate+": push will refuse that, unless one is annotated as something else")
	}
	for _, image := range d.Images {
		if image.others > 0 {
			notes = append(notes, fmt.Sprintf("%s: entries left out of the list, since they are neither images nor about one: %d", familiar(image.Name), image.others))
		}
		for _, child := range image.Children {
			p := child.Platform()
			if p.OS == "" || p.Architecture == "" {
				notes = append(notes, fmt.Sprintf("%s does not say for which platform it is: annotate it with an operating system and an architecture",
					familiar(image.Name)))
				continue
			}
			if what := contradiction(child.Config, p); what != "" && !child.Forced {
				notes = append(notes, fmt.Sprintf("%s stands for %s in its index, but %s", familiar(image.Name), platform.Format(p), what))
			}
		}
	}
	return notes
}

// contradiction returns how a platform contradicts a configuration, or "". A field that the configuration leaves out can be
// added.
func contradiction(config, p ocispecs.Platform) string {
	configured, p := platform.Normalize(config), platform.Normalize(p)
	contradicts := func(what, has string) string { return fmt.Sprintf("its configuration says %s %s", what, has) }
	switch {
	case config.OS != "" && configured.OS != p.OS:
		return contradicts("os", config.OS)
	case config.Architecture != "" && configured.Architecture != p.Architecture:
		return contradicts("architecture", config.Architecture)
	case config.Variant != "" && configured.Variant != p.Variant:
		return contradicts("variant", config.Variant)
	case config.OSVersion != "" && configured.OSVersion != p.OSVersion:
		return contradicts("os.version", config.OSVersion)
	}
	return ""
}
