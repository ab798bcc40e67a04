package crosscompile

import (
	"context"
	"maps"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/result"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
)

// Apply returns a frontend's result with the relocated steps in the place of the frontend's own. The result is solved lazily, and nothing
// runs.
func Apply(ctx context.Context, gw gateway.Client, m cross.Relocated, res *gateway.Result) (*gateway.Result, error) {
	return rewritten(ctx, gw, res, m.Apply)
}

// rewritten returns a frontend's result with the definitions that move returns for its own, for each reference alike, including those of
// attestations. If move returns nil, or the same definition, the reference stays. Nothing is evaluated, and res is not changed.
func rewritten(
	ctx context.Context, gw gateway.Client, res *gateway.Result, relocate func(*llb.Definition) (*llb.Definition, error),
) (*gateway.Result, error) {
	made := map[gateway.Reference]gateway.Reference{} // a reference may occur several times
	to, err := result.ConvertResult(res, func(ref gateway.Reference) (gateway.Reference, error) {
		if done, ok := made[ref]; ok {
			return done, nil
		}
		relocated, err := relocatedRef(ctx, gw, ref, relocate)
		made[ref] = relocated
		return relocated, err
	})
	if err != nil {
		return nil, err
	}
	to.Metadata = maps.Clone(res.Metadata)
	return to, nil
}

func relocatedRef(
	ctx context.Context, gw gateway.Client, ref gateway.Reference, relocate func(*llb.Definition) (*llb.Definition, error),
) (gateway.Reference, error) {
	state, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	relocated, err := relocate(def)
	if err != nil || relocated == nil || relocated == def {
		return ref, err
	}
	res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: relocated.ToPB()})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}
