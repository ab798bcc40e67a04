package cli

import (
	"context"
	"fmt"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// CheckReserved refuses to give a result one of the names by which images are found that run with privileges: all of the repositories of
// the default images, and the builder images that are named besides. What is named by them on an engine is not run for that (see package
// trust), but whoever looks for such an image would find this one in its place.
func CheckReserved(names []reference.NamedTagged, from string, builderImages ...string) error {
	for _, name := range names {
		for _, image := range append([]string{container.DefaultImage, emulation.DefaultImage}, builderImages...) {
			if !takes(name, image) {
				continue
			}
			return &Usage{
				Err: fmt.Errorf("%s: the name %q is kept for an image that runs with privileges (%s): nothing that is built or loaded may take it",
					from, reference.FamiliarString(name), image),
				Hint: "give the image another name",
			}
		}
	}
	return nil
}

// takes tells whether a name would be found where image is looked for.
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

// FreeOfBuilders refuses names of the images that the engine's builders have.
func FreeOfBuilders(ctx context.Context, eng *engine.Engine, names []reference.NamedTagged, from string) error {
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
