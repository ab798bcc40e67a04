package source

import (
	"context"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// Ahead lets a node read .dockerignore from the session while a frontend reads the Dockerfile: the frontend requests it afterwards, which takes
// two more round trips. It requests what the frontend will (BuildKit, frontend/dockerui/config.go, dockerIgnorePatterns); both are then one
// step. If a frontend requests it in another way, or not at all, a small file was read for nothing.
//
// It returns when the node has the file. Its errors are the frontend's to report.
func (s Source) Ahead(ctx context.Context, gw gateway.Client, session string) {
	if s.Dirs[ContextName] == "" {
		return
	}
	state := llb.Local(ContextName, llb.SessionID(session), llb.FollowPaths([]string{ignoreName}), llb.SharedKeyHint(ContextName+"-"+ignoreName),
		llb.WithCustomName("[internal] load "+ignoreName), llb.Differ(llb.DiffNone, false))
	if def, err := state.Marshal(ctx); err == nil {
		_, _ = gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
	}
}
