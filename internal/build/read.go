package build

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// reading is one platform's Dockerfile, solved lazily: nothing has been executed, and nothing of the context was sent but what
// the frontend itself looks at.
type reading struct {
	result *gateway.Result
	graph  graph.Graph
	def    *pb.Definition // what graph was read from; nil if there is nothing to do
	base   ocispecs.Image // the configuration of the image that the result goes on from; zero if there is none
}

// read solves the Dockerfile for the platform of attrs, without evaluating it, and reads the graph of what it would run.
func read(ctx context.Context, gw gateway.Client, frontend string, attrs map[string]string) (reading, error) {
	res, err := gw.Solve(ctx, gateway.SolveRequest{Frontend: frontend, FrontendOpt: attrs})
	if err != nil {
		return reading{}, err
	}
	got := reading{result: res}
	if config, ok := res.Metadata[exptypes.ExporterImageBaseConfigKey]; ok {
		if err := json.Unmarshal(config, &got.base); err != nil {
			return reading{}, fmt.Errorf("cannot read the base image's configuration: %w", err)
		}
	}
	ref, err := res.SingleRef()
	if err != nil {
		return reading{}, fmt.Errorf("the frontend gave no single result: %w", err)
	}
	if ref == nil { // FROM scratch and nothing else
		return got, nil
	}
	state, err := ref.ToState()
	if err != nil {
		return reading{}, fmt.Errorf("cannot read the build graph: %w", err)
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return reading{}, fmt.Errorf("cannot read the build graph: %w", err)
	}
	if got.graph, err = graph.Read(def); err != nil {
		return reading{}, fmt.Errorf("cannot read the build graph: %w", err)
	}
	got.def = def.ToPB()
	return got, nil
}
