package solve

import (
	"sync"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// recorder is a Progress that records its events.
type recorder struct {
	mu       sync.Mutex
	plans    []string
	notes    []string
	statuses map[string]int
	logs     []*client.VertexLog
	messages []*client.SolveStatus
	ends     int
}

func (r *recorder) Status(p platform.Platform, s *client.SolveStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s == nil {
		r.ends++
		return
	}
	if r.statuses == nil {
		r.statuses = map[string]int{}
	}
	r.statuses[platform.Format(p)]++
	r.logs = append(r.logs, s.Logs...)
	r.messages = append(r.messages, s)
}

func (r *recorder) Cleared(p plan.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plans = append(r.plans, p.String())
}

func (r *recorder) Note(n diag.Diagnostic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, n.Shown())
}
