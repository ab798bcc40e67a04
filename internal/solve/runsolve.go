package solve

import (
	"context"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
)

// runSolve runs one solve, with fn as its frontend, and passes all of its messages to see. see has received the last one before runSolve
// returns.
func runSolve(
	ctx context.Context, s Solver, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus),
) (*client.SolveResponse, error) {
	status := make(chan *client.SolveStatus)
	var draining sync.WaitGroup
	draining.Go(func() {
		for msg := range status {
			see(msg)
		}
	})
	resp, err := s.Build(ctx, opt, "docker-multiarch", fn, status)
	draining.Wait()
	return resp, err
}

// questions are the vertices of the preflight's own lookups in a solve's progress. They are not steps of the build, and a lookup that is
// answered with "not found" has succeeded.
type questions struct{ seen []digest.Digest }

// remove removes these vertices from a message.
func (q *questions) remove(msg *client.SolveStatus) {
	for _, v := range msg.Vertexes {
		if v.Name == baseimage.QuietVertex && !slices.Contains(q.seen, v.Digest) {
			q.seen = append(q.seen, v.Digest)
		}
	}
	if len(q.seen) == 0 {
		return
	}
	msg.Vertexes = slices.DeleteFunc(msg.Vertexes, func(v *client.Vertex) bool { return slices.Contains(q.seen, v.Digest) })
	msg.Statuses = slices.DeleteFunc(msg.Statuses, func(v *client.VertexStatus) bool { return slices.Contains(q.seen, v.Vertex) })
	msg.Logs = slices.DeleteFunc(msg.Logs, func(v *client.VertexLog) bool { return slices.Contains(q.seen, v.Vertex) })
}
