package buildkittest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// Others returns the solves that belong to no single platform: those that hold steps for others, and those that export caches, in
// the order in which they began.
func (b *Builder) Others() []*Solve {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.others)
}

// other is a solve without a frontend. It exports caches, if anything.
func (b *Builder) other(
	ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, status chan *client.SolveStatus,
) (*client.SolveResponse, error) {
	j := &job{Solve: &Solve{Opt: opt}, builder: b, status: status}
	b.mu.Lock()
	b.others = append(b.others, j.Solve)
	b.mu.Unlock()
	defer j.release()
	for _, e := range opt.CacheExports {
		if e.Type == "s3" && e.Attrs["bucket"] == "" {
			return nil, fmt.Errorf("failed to solve: failed to configure s3 cache exporter: bucket ($AWS_BUCKET) not set for s3 cache")
		}
	}
	res, err := fn(ctx, &bridge{job: j})
	if err != nil {
		return nil, fmt.Errorf("failed to run Build function: %w", err)
	}
	for _, e := range opt.CacheExports {
		if b.Export != nil {
			began := time.Now()
			status <- &client.SolveStatus{Statuses: []*client.VertexStatus{{ID: "writing layer " + digest.FromString("layer").String(), Started: &began}}}
			if err := b.Export(ctx, e); err != nil {
				return nil, fmt.Errorf("failed to solve: %w", err)
			}
		}
	}
	for name := range res.Refs {
		j.Exported = append(j.Exported, name)
	}
	slices.Sort(j.Exported)
	resp := &client.SolveResponse{ExporterResponse: map[string]string{}}
	for _, e := range opt.CacheExports {
		if b.Cached != nil {
			resp.ExporterResponse["cache.manifest"] = b.Cached(e)
		}
	}
	return resp, nil
}

// hold keeps the steps of a definition from being forgotten, whichever solve runs them. BuildKit runs them itself, which makes no
// difference to the solves that request them. A step that is about to be exported must be held already: otherwise BuildKit knows
// only the session that its files came from, which no other build will have, and leaves it out of the cache (Lost).
func (j *job) hold(g graph.Graph) {
	b := j.builder
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range g.Steps {
		w, ok := b.work[s.Digest]
		if !ok {
			w = newWork()
			b.work[s.Digest] = w
		}
		if len(j.Opt.CacheExports) > 0 && len(w.holders) == 0 && s.Kind == graph.Source {
			j.Lost = append(j.Lost, s.Source)
		}
		w.holders[j] = true
	}
}
