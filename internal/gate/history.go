package gate

import (
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Layers are those of an image's manifest, in its order, each with the step that made it, as far as the configuration's history says so.
//
// Every layer has an entry in the history, in the same order, among those of steps that changed no file
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties); of a history with another number of them nobody
// knows which is whose.
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
