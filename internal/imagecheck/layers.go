package imagecheck

import (
	"slices"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// gateLayers returns for each layer of a finished image whether it is from the base image, and otherwise the line that made it. base is the
// configuration of the base image, zero for none. g is the graph of the image: its chain of steps is in the order of the layers. If their
// numbers differ, no layer has a line.
func gateLayers(layers []ocispecs.Descriptor, config, base ocispecs.Image, g graph.Graph) []gate.Layer {
	out := gate.Layers(layers, config)
	inherited := len(base.RootFS.DiffIDs)
	if inherited > len(layers) || !slices.Equal(base.RootFS.DiffIDs, config.RootFS.DiffIDs[:min(inherited, len(config.RootFS.DiffIDs))]) {
		inherited = 0 // the image has other base layers: all layers count as made by this build
	}
	steps := g.Chain()
	if len(steps) > 0 && steps[0].Kind == graph.Source {
		steps = steps[1:]
	}
	for i := range out {
		out[i].Base = i < inherited
		if k := i - inherited; k >= 0 && len(steps) == len(layers)-inherited {
			out[i].File, out[i].Line = steps[k].File, steps[k].Line
		}
	}
	return out
}
