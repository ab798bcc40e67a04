package build

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// LintWarning is what a rule of BuildKit's own says about a Dockerfile.
type LintWarning struct {
	Rule, Message, URL string
	File               string
	Line               int
}

// linting asks the frontend for its own findings: once for each Dockerfile.
type linting struct {
	mu    sync.Mutex
	asked map[string]bool
	found []LintWarning
}

func newLinting(targets []platform.Platform) *linting {
	return &linting{asked: make(map[string]bool, len(targets))}
}

// ask is for a solve that has read its Dockerfile. A frontend that has no such question has nothing to say.
func (l *linting) ask(ctx context.Context, gw gateway.Client, s *solve) {
	file := s.req.Source.DockerfileOf(s.platform).Shown
	l.mu.Lock()
	asked := l.asked[file]
	l.asked[file] = true
	l.mu.Unlock()
	if asked {
		return
	}
	res, err := s.question(ctx, gw, "lint")
	if err != nil {
		return
	}
	var results lint.LintResults
	if json.Unmarshal(res.Metadata["result.json"], &results) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range results.Warnings {
		found := LintWarning{Rule: w.RuleName, Message: cmp.Or(w.Detail, w.Description), URL: w.URL}
		if ranges := w.Location.GetRanges(); len(ranges) > 0 {
			found.Line = int(ranges[0].GetStart().GetLine())
		}
		if i := int(w.Location.GetSourceIndex()); i < len(results.Sources) {
			found.File = results.Sources[i].GetFilename()
		}
		l.found = append(l.found, found)
	}
}

func (l *linting) warnings() []LintWarning {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.SortStableFunc(l.found, func(a, b LintWarning) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return l.found
}
