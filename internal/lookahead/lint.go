package lookahead

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// linting asks the frontend for its own warnings: once for each Dockerfile, in a solve that is not shown. The frontend then examines every
// stage, including those that the build does not make, whose images may not exist. If that fails, the warnings in the build's own solves
// complete the answer.
type linting struct {
	mu         sync.Mutex
	found      []diag.Diagnostic
	fromSolves []diag.Diagnostic // from the build's own solves
	unlinted   []string          // Dockerfiles without a complete answer, by the frontend's names
}

// askAll asks about the Dockerfiles of the targets, and returns when it has all answers.
func (l *linting) askAll(ctx context.Context, src source.Source, targets []platform.Platform, ask solve.Asker) {
	var asking sync.WaitGroup
	asked := map[string]bool{}
	for _, target := range targets {
		file := src.DockerfileOf(target)
		if asked[file.Shown] {
			continue
		}
		asked[file.Shown] = true
		asking.Go(func() { l.ask(ctx, ask, target, file.Name) })
	}
	asking.Wait()
}

func (l *linting) ask(ctx context.Context, ask solve.Asker, target platform.Platform, file string) {
	var results lint.LintResults
	values, err := ask(ctx, target, solve.LintQuestion)
	if err == nil {
		err = json.Unmarshal(values["result.json"], &results)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || results.Error != nil { // there may be a part of an answer
		l.unlinted = append(l.unlinted, file)
	}
	for _, w := range results.Warnings {
		found := diag.Diagnostic{Check: w.RuleName, Severity: diag.Warning, Message: cmp.Or(w.Detail, w.Description), URL: w.URL}
		if ranges := w.Location.GetRanges(); len(ranges) > 0 {
			found.Line = int(ranges[0].GetStart().GetLine())
		}
		if i := int(w.Location.GetSourceIndex()); i < len(results.Sources) {
			found.File = results.Sources[i].GetFilename()
		}
		l.found = append(l.found, found)
	}
}

// add keeps the warnings about lines, which the frontend sends while it reads a Dockerfile.
func (l *linting) add(warnings []*client.VertexWarning) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range warnings {
		found := buildkitmsg.Warning(w)
		known := slices.ContainsFunc(l.fromSolves, func(d diag.Diagnostic) bool { return d.String() == found.String() && d.Check == found.Check })
		if found.Check != "" && !known {
			l.fromSolves = append(l.fromSolves, found)
		}
	}
}

func (l *linting) warnings() []diag.Diagnostic {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.fromSolves {
		known := slices.ContainsFunc(l.found, func(f diag.Diagnostic) bool { return f.Check == w.Check && f.File == w.File && f.Line == w.Line })
		if slices.Contains(l.unlinted, w.File) && !known {
			l.found = append(l.found, w)
		}
	}
	slices.SortStableFunc(l.found, func(a, b diag.Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return l.found
}

// lintProgress passes a solve's messages on, and passes the warnings to linting.
type lintProgress struct {
	solve.Progress
	lint *linting
}

func (h lintProgress) Status(p platform.Platform, msg *client.SolveStatus) {
	if msg != nil {
		h.lint.add(msg.Warnings)
	}
	h.Progress.Status(p, msg)
}
