package build

import (
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// gateLayers tell of each layer of a finished image whether it came with the base image, and else which step made it. base is the
// configuration of the base image, zero for none, and g what was built.
//
// Every layer has an entry in the history, in the same order, among those of steps that changed no file
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties). The steps that the result goes on from are in that
// order too; where there are not as many of them, a layer has no line.
func gateLayers(layers []ocispecs.Descriptor, config, base ocispecs.Image, g graph.Graph) []gate.Layer {
	out := make([]gate.Layer, len(layers))
	inherited := len(base.RootFS.DiffIDs)
	if inherited > len(layers) || !slices.Equal(base.RootFS.DiffIDs, config.RootFS.DiffIDs[:min(inherited, len(config.RootFS.DiffIDs))]) {
		inherited = 0 // made anew: everything is this build's
	}
	steps := g.Chain()
	if len(steps) > 0 && steps[0].Kind == graph.Source {
		steps = steps[1:]
	}
	made := slices.DeleteFunc(slices.Clone(config.History), func(h ocispecs.History) bool { return h.EmptyLayer })
	for i, desc := range layers {
		out[i] = gate.Layer{Descriptor: desc, Base: i < inherited}
		if len(made) == len(layers) {
			out[i].Step = strings.TrimSpace(strings.TrimSuffix(made[i].CreatedBy, "# buildkit"))
		}
		if k := i - inherited; k >= 0 && len(steps) == len(layers)-inherited {
			out[i].File, out[i].Line = steps[k].File, steps[k].Line
		}
	}
	return out
}
