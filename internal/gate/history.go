package gate

import (
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Layers returns the layers of an image's manifest, in its order, each with the step that made it if the configuration's history
// has it.
//
// The history has an entry for every layer, in the same order, and entries for steps that changed no file
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties). If the number of layers differs, the entries
// cannot be assigned.
func Layers(manifest []ocispecs.Descriptor, config ocispecs.Image) []Layer {
	made := slices.DeleteFunc(slices.Clone(config.History), func(h ocispecs.History) bool { return h.EmptyLayer })
	layers := make([]Layer, len(manifest))
	for i, desc := range manifest {
		layers[i].Descriptor = desc
		if len(made) == len(manifest) {
			layers[i].Step = strings.TrimSpace(strings.TrimSuffix(made[i].CreatedBy, "# buildkit"))
		}
	}
	return layers
}
