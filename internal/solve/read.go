package solve

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// reading is one platform's Dockerfile, solved lazily: nothing has been executed, and BuildKit has received only the files of the context
// that the frontend itself reads.
type reading struct {
	result *gateway.Result // nil for a common reading, until the job has opened it
	// metadata are those that the frontend has given the result, of which only some are read here.
	metadata map[string][]byte
	graph    graph.Graph
	def      *llb.Definition // the definition that graph was read from; nil if there is nothing to do
	opaque   error           // why the graph could not be read; then it only says that something may run
	base     ocispecs.Image  // the configuration of the result's base image; zero if there is none
	// configPlatform is the platform in the configuration that the image will have; zero if the frontend returns none.
	configPlatform platform.Platform
}

// described returns a reading with what the metadata of a result say, and nothing else.
func described(metadata map[string][]byte) (got reading, err error) {
	got.metadata = metadata
	if config, ok := metadata[exptypes.ExporterImageBaseConfigKey]; ok {
		if err := json.Unmarshal(config, &got.base); err != nil {
			return reading{}, fmt.Errorf("cannot read the base image's configuration: %w", err)
		}
	}
	if config, ok := metadata[exptypes.ExporterImageConfigKey]; ok {
		if err := json.Unmarshal(config, &got.configPlatform); err != nil {
			return reading{}, fmt.Errorf("cannot read the image's configuration: %w", err)
		}
	}
	return got, nil
}

func definitionOf(ctx context.Context, ref gateway.Reference) (*llb.Definition, error) {
	state, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	return state.Marshal(ctx)
}

// opaque returns a stand-in for a graph that cannot be read, such as that of a frontend newer than this program. It says that the build may
// run programs of its platform.
func opaque(target string) graph.Graph {
	ps, _, err := platform.Parse(target)
	if err != nil || len(ps) == 0 {
		return graph.Graph{}
	}
	return graph.Graph{Steps: []graph.Step{{Kind: graph.Exec, Name: "what the frontend made", Platform: ps[0]}}}
}

// solved returns a frontend's answer. Where the frontend fails because of an image in a registry on loopback, which the node does not reach
// since nothing on the command line is there, the error says so.
func (n Node) solved(ctx context.Context, gw gateway.Client, req gateway.SolveRequest) (*gateway.Result, error) {
	res, err := gw.Solve(ctx, req)
	if err == nil || n.OnHost {
		return res, err
	}
	return res, preflight.OfLoopback(err)
}

// onlyForRegistry reports whether the node is on the network of the engine's host only to reach a registry there.
func (n Node) onlyForRegistry() bool { return n.OnHost && !n.HostChosen }

// hostSources returns the sources of a graph that the node must not fetch.
func (n Node) hostSources(src source.Source, g graph.Graph) []preflight.HostSource {
	if !n.onlyForRegistry() {
		return nil
	}
	return preflight.HostSources(n.Name, src, g)
}
