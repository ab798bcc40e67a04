package cli

import (
	"context"
	"fmt"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// CheckReserved refuses result names that would replace images which run with privileges: all names in the repositories of the default
// images, and the builder images in builderImages. An image of such a name on an engine does not get privileges by its name (see
// package trust), but it would hide the real one.
func CheckReserved(names []reference.NamedTagged, from string, builderImages ...string) error {
	for _, name := range names {
		for _, image := range append([]string{container.DefaultImage, emulation.DefaultImage}, builderImages...) {
			if !takes(name, image) {
				continue
			}
			return &Usage{
				Err: fmt.Errorf("%s: the name %q is reserved for an image that runs with privileges (%s)",
					from, reference.FamiliarString(name), image),
				Hint: "give the image another name",
			}
		}
	}
	return nil
}

// takes reports whether a search for image would find name.
func takes(name reference.NamedTagged, image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil || named.Name() != name.Name() {
		return false
	}
	if image == container.DefaultImage || image == emulation.DefaultImage {
		return true
	}
	tagged, ok := reference.TagNameOnly(named).(reference.Tagged)
	return ok && tagged.Tag() == name.Tag()
}

// CheckBuilderImages refuses the names of images that the engine's builders use.
func CheckBuilderImages(ctx context.Context, eng *engine.Engine, names []reference.NamedTagged, from string) error {
	if len(names) == 0 {
		return nil
	}
	builders, err := container.List(ctx, eng)
	if err != nil {
		return err
	}
	var images []string
	for _, b := range builders {
		images = append(images, b.Image)
	}
	return CheckReserved(names, from, images...)
}
