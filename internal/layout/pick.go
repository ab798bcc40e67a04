package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
)

// Pick finds an image of the archive by one of its names, its reference name in index.json, or its digest. An empty name means
// the only image; if the archive has several, the error lists them.
func (a *Archive) Pick(name string) (Image, error) {
	if name == "" {
		if len(a.Images) == 1 {
			return a.Images[0], nil
		}
		return Image{}, fmt.Errorf("%q holds %d images (%s): say which one", a.path, len(a.Images), a.list())
	}
	var found []Image
	for _, img := range a.Images {
		if img.is(name) {
			found = append(found, img)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Image{}, fmt.Errorf("%q holds no image %q: it has %s", a.path, name, a.list())
	default:
		return Image{}, fmt.Errorf("%q holds %d images %q (%s): name one by its digest", a.path, len(found), name, a.list())
	}
}

func (img Image) is(name string) bool {
	if img.Root.Digest.String() == name || slices.Contains(img.refs, name) {
		return true
	}
	for _, own := range img.Names {
		if own.Tag() == name {
			return true
		}
		if named, err := reference.ParseNormalizedNamed(name); err == nil && reference.TagNameOnly(named).String() == own.String() {
			return true
		}
	}
	return false
}

// list names the images, those without a name by their reference names or their digests.
func (a *Archive) list() string {
	var names []string
	for _, img := range a.Images {
		switch {
		case len(img.Names) == 0 && len(img.refs) == 0:
			names = append(names, img.Root.Digest.String())
		case len(img.Names) == 0:
			names = append(names, img.refs...)
		}
		for _, name := range img.Names {
			names = append(names, reference.FamiliarString(name))
		}
	}
	return strings.Join(names, ", ")
}
