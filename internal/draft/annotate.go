package draft

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PlatformChange has the fields that a user sets in an image's platform (docker manifest annotate). Empty fields set nothing.
type PlatformChange struct {
	OS, Arch, Variant, OSVersion string
	OSFeatures                   []string
	Force                        bool // it may contradict the image's configuration
}

// ContradictionError means that an annotation contradicts the image's configuration.
type ContradictionError struct {
	Image    string
	Platform string // the requested one
	Reason   string
}

func (e *ContradictionError) Error() string {
	return fmt.Sprintf("%s cannot be listed as %s: %s", e.Image, e.Platform, e.Reason)
}

// Annotate sets the platform of an image in a draft. The notes list values that were not taken literally. An error changes
// nothing. It wraps [platform.ErrInvalid] for a platform that does not exist, and is a [*ContradictionError] for one that
// contradicts the image.
func (s Store) Annotate(ctx context.Context, list reference.NamedTagged, image reference.Named, a PlatformChange) (notes []string, err error) {
	err = s.Update(ctx, list, func(old *Draft) (*Draft, error) {
		if old == nil {
			return nil, fmt.Errorf("%w: %s", ErrNone, reference.FamiliarString(list))
		}
		i, j, err := old.Find(image)
		if err != nil {
			return nil, err
		}
		child, said, err := a.apply(old.Images[i].Children[j], reference.FamiliarString(image))
		old.Images[i].Children[j], notes = child, said
		return old, err
	})
	return notes, err
}

// Annotated returns an image's entry as Annotate would change it, and the errors of Annotate. It writes nothing.
func (s Store) Annotated(ctx context.Context, list reference.NamedTagged, image reference.Named, a PlatformChange) (Entry, error) {
	d, err := s.Read(ctx, list)
	if err != nil {
		return Entry{}, err
	}
	i, j, err := d.Find(image)
	if err != nil {
		return Entry{}, err
	}
	if d.Images[i].Children[j], _, err = a.apply(d.Images[i].Children[j], reference.FamiliarString(image)); err != nil {
		return Entry{}, err
	}
	return d.EntryOf(image)
}

// apply returns the child with the annotation in addition to its own. name is for errors.
func (a PlatformChange) apply(child Child, name string) (Child, []string, error) {
	var set ocispecs.Platform
	if child.Annotated != nil {
		set = *child.Annotated
		set.OSFeatures = slices.Clone(set.OSFeatures)
	}
	notes, err := a.setInto(&set)
	if err != nil {
		return child, nil, err
	}
	child.Annotated = &set
	p := child.Platform()
	if isDigits(set.Variant) {
		set.Variant = "v" + set.Variant // arm 7 is v7
		p.Variant = set.Variant
		notes = append(notes, fmt.Sprintf("variant %q is written as %q", a.Variant, set.Variant))
	}
	if _, _, err := platform.Parse(spelling(p)); err != nil {
		return child, nil, fmt.Errorf("%s: %w", name, err)
	}
	what := contradiction(child.Config, p)
	if what != "" && !a.Force && a.OS+a.Arch+a.Variant+a.OSVersion != "" {
		return child, nil, &ContradictionError{Image: name, Platform: platform.Format(p), Reason: what}
	}
	child.Forced = what != ""
	return child, notes, nil
}

// setInto overwrites the fields that the annotation sets.
func (a PlatformChange) setInto(set *ocispecs.Platform) (notes []string, err error) {
	if a.OS != "" {
		set.OS = platform.Normalize(ocispecs.Platform{OS: strings.ToLower(a.OS), Architecture: "amd64"}).OS
	}
	if a.Arch != "" {
		ps, _, err := platform.Parse("linux/" + a.Arch)
		if err != nil || len(ps) != 1 {
			return nil, fmt.Errorf("unsupported architecture %q: %w", a.Arch, orInvalid(err))
		}
		if set.Architecture != "" && set.Architecture != ps[0].Architecture {
			set.Variant = ""
		}
		set.Architecture = ps[0].Architecture
		if a.Arch != set.Architecture {
			if ps[0].Variant != "" { // armhf
				set.Variant = ps[0].Variant
			}
			written := strings.Trim(set.Architecture+"/"+ps[0].Variant, "/")
			notes = append(notes, fmt.Sprintf("architecture %q is written as %q", a.Arch, written))
		}
	}
	if a.Variant != "" {
		set.Variant = strings.ToLower(a.Variant)
	}
	if a.OSVersion != "" {
		set.OSVersion = a.OSVersion
	}
	for _, feature := range a.OSFeatures {
		if !slices.Contains(set.OSFeatures, feature) {
			set.OSFeatures = append(set.OSFeatures, feature)
		}
	}
	return notes, nil
}

func orInvalid(err error) error {
	if err == nil {
		return platform.ErrInvalid
	}
	return err
}

// spelling returns the name of a platform in the user's spelling, without version and features.
func spelling(p ocispecs.Platform) string {
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
