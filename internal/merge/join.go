package merge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// entry is an image of the new index.
type entry struct {
	tree.Image
	from      *Input
	kept      bool // it comes from the tag of Onto
	converted bool
}

// platform returns the normalised platform.
func (e entry) platform() platform.Platform { return platform.Normalize(*e.Descriptor.Platform) }

// DuplicateError means that two inputs have different images for one platform.
type DuplicateError struct {
	Platform      platform.Platform
	First, Second string // the inputs' names
	Digests       [2]digest.Digest
}

func (e *DuplicateError) Error() string {
	if e.First == e.Second {
		return fmt.Sprintf("%q has two images for %s (%s and %s): an index holds one for each platform",
			e.First, platform.Format(e.Platform), e.Digests[0], e.Digests[1])
	}
	return fmt.Sprintf("%q and %q both have an image for %s (%s and %s): an index holds one for each platform",
		e.First, e.Second, platform.Format(e.Platform), e.Digests[0], e.Digests[1])
}

// ExpectError lists the differences from the expected platforms.
type ExpectError struct{ Missing, Unexpected []platform.Platform }

func (e *ExpectError) Error() string {
	var parts []string
	if len(e.Missing) > 0 {
		parts = append(parts, "missing: "+names(e.Missing))
	}
	if len(e.Unexpected) > 0 {
		parts = append(parts, "not expected: "+names(e.Unexpected))
	}
	return "the platforms are not those expected: " + strings.Join(parts, "; ")
}

func names(ps []platform.Platform) string { return strings.Join(platform.FormatAll(ps), ", ") }

// join lists the images of all inputs. An image that two inputs share is listed once. Two different images for a platform are an
// error.
func join(inputs []Input, note func(string)) ([]entry, error) {
	var all []entry
	for i := range inputs {
		in := &inputs[i]
		for _, other := range in.Tree.Others {
			note(fmt.Sprintf("%q: %s (%q) is left out: it is neither an image nor an attestation of one", in.Name, other.Digest, other.MediaType))
		}
		for _, img := range in.Tree.Images {
			e := entry{Image: img, from: in}
			p := e.platform()
			if p.OS == "" || p.Architecture == "" || p.OS == "unknown" {
				return nil, fmt.Errorf("%q: image %s does not say for which platform it is", in.Name, img.Descriptor.Digest)
			}
			k := slices.IndexFunc(all, func(o entry) bool { return platform.Equal(o.platform(), p) })
			switch {
			case k < 0:
				all = append(all, e)
			case all[k].Descriptor.Digest != img.Descriptor.Digest:
				return nil, &DuplicateError{p, all[k].from.Name, in.Name, [2]digest.Digest{all[k].Descriptor.Digest, img.Descriptor.Digest}}
			case len(all[k].Attestations) < len(img.Attestations):
				all[k] = e // the same image with more attestations
			}
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no image to merge")
	}
	return all, nil
}

// over replaces images of base with new ones for the same platforms. The others stay, as do the attestations of an identical
// image.
func over(base, images []entry) []entry {
	all := slices.Clone(images)
	for _, old := range base {
		old.kept = true
		i := slices.IndexFunc(images, func(e entry) bool { return platform.Equal(e.platform(), old.platform()) })
		switch {
		case i < 0:
			all = append(all, old)
		case old.Descriptor.Digest == images[i].Descriptor.Digest && len(images[i].Attestations) == 0:
			all[i] = old
			all[i].kept = false
		}
	}
	return all
}

// expect compares the platforms with the expected ones. Without an expectation it accepts any.
func expect(all []entry, wanted []platform.Platform) error {
	if len(wanted) == 0 {
		return nil
	}
	var e ExpectError
	for _, p := range wanted {
		if !slices.ContainsFunc(all, func(have entry) bool { return platform.Equal(have.platform(), p) }) {
			e.Missing = append(e.Missing, p)
		}
	}
	for _, have := range all {
		if !platform.Contains(wanted, have.platform()) {
			e.Unexpected = append(e.Unexpected, have.platform())
		}
	}
	if len(e.Missing)+len(e.Unexpected) > 0 {
		slices.SortFunc(e.Unexpected, platform.Compare)
		return &e
	}
	return nil
}
