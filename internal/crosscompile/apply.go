package crosscompile

import (
	"context"
	"maps"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/result"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
)

// Apply gives a frontend's result with what was moved in the place of what the frontend made. It is solved, and not run.
func Apply(ctx context.Context, gw gateway.Client, m cross.Moved, res *gateway.Result) (*gateway.Result, error) {
	return rewritten(ctx, gw, res, m.Alike)
}

// rewritten is a frontend's result with other definitions: those that move makes of its own, for each reference alike, also for those of
// attestations. What move gives nil for, or the same definition, keeps its reference. Nothing is evaluated, and res is not written to.
func rewritten(
	ctx context.Context, gw gateway.Client, res *gateway.Result, move func(*llb.Definition) (*llb.Definition, error),
) (*gateway.Result, error) {
	made := map[gateway.Reference]gateway.Reference{} // one may stand in several places
	to, err := result.ConvertResult(res, func(ref gateway.Reference) (gateway.Reference, error) {
		if done, ok := made[ref]; ok {
			return done, nil
		}
		moved, err := movedRef(ctx, gw, ref, move)
		made[ref] = moved
		return moved, err
	})
	if err != nil {
		return nil, err
	}
	to.Metadata = maps.Clone(res.Metadata)
	return to, nil
}

func movedRef(
	ctx context.Context, gw gateway.Client, ref gateway.Reference, move func(*llb.Definition) (*llb.Definition, error),
) (gateway.Reference, error) {
	state, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	moved, err := move(def)
	if err != nil || moved == nil || moved == def {
		return ref, err
	}
	res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: moved.ToPB()})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}
