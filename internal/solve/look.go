package solve

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Prospect is the information about a build at the barrier, before the build does anything. Its lists have the indexes of Targets.
type Prospect struct {
	Targets []platform.Platform
	// Plan is the plan of the build. Incomplete reports that for part of it the way it would be made is not known.
	Plan       plan.Plan
	Incomplete bool
	// Read are the graphs as the frontends wrote them; Graphs are those that would be solved.
	Read, Graphs []graph.Graph
	// Unread are the platforms whose Dockerfile could not be read.
	Unread []platform.Platform
	// Findings are the findings of the preflight.
	Findings []diag.Diagnostic
	// Bases are the base images, and MissingPlatforms those that are missing platforms. At gives access to more about them.
	Bases            []baseimage.Base
	MissingPlatforms []baseimage.MissingPlatform
	At               baseimage.At
	// Hints is the build as package hints needs it.
	Hints hints.Build
}

// Asker sends a question to the frontend of a target, as [Ask] does. It shows no progress.
type Asker func(ctx context.Context, target platform.Platform, question string) (values map[string][]byte, err error)

// Viewer receives from [Look] a preview of a build.
type Viewer struct {
	// See receives the information at the barrier, while nodes can still be asked for more. It is not called if no Dockerfile could be
	// read.
	See func(context.Context, Prospect)
	// Beside runs while the Dockerfiles are read, for the same targets.
	Beside func(context.Context, []platform.Platform, Asker)
}

// Look does the same as [Run] up to the point at which the build would change something: it reads the Dockerfile for each platform,
// examines base images and registries, and asks the nodes which platforms they run. Then it ends: no step runs, none of the context's files
// is sent, nothing is exported and nothing installed. A Dockerfile that cannot be read is a [FailedError].
func Look(ctx context.Context, req Request, env Env, preflight func(context.Context) error, viewer Viewer) error {
	targets := req.targets(env.Nodes[0])
	progress, ended := untilEnd(env.Progress, targets)
	defer ended()
	env.Progress = progress
	looking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs, stop, err := openJobs(looking, cancel, task{req: req, env: env, targets: targets})
	if err != nil {
		return err
	}
	defer stop()
	decide, answered := newDecider(looking, jobs, preflight)
	defer answered()
	reports, b, unread := make([]PlatformReport, len(targets)), newBarrier(jobs), false
	var reading sync.WaitGroup
	reading.Go(func() { viewer.Beside(looking, targets, asker(jobs)) })
	for i, j := range jobs {
		reports[i].Platform = j.target
		reading.Go(func() { reports[i].Err = j.look(looking, b.seat(i)) })
	}
	b.decide(looking, func(ctx context.Context, reports []report) decision {
		v := decide.observe(ctx, reports)
		if unread = v.unread; !unread {
			viewer.See(ctx, decide.prospect(ctx, v))
		}
		return decision{}
	})
	reading.Wait()
	if err := context.Cause(looking); err != nil {
		return err
	}
	if unread {
		return failedError(reports)
	}
	return nil
}

// look runs a solve that ends at the barrier.
func (j job) look(ctx context.Context, seat *seat) error {
	return j.answered(ctx, func() { seat.Report(report{}) }, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		j.reach.Start(ctx, gw)
		got, err := j.read(ctx, gw, false, false)
		if err != nil {
			_, err = seat.unread(ctx, gw, err)
			return nil, err
		}
		seat.Report(report{graph: got.graph, base: got.base.Platform, def: got.def, gw: gw})
		if _, err := seat.Await(ctx); err != nil {
			return nil, err
		}
		return gateway.NewResult(), nil
	})
}

// prospect plans the build without installing anything.
func (c decider) prospect(ctx context.Context, v observation) Prospect {
	found := slices.Clone(v.found)
	if !slices.ContainsFunc(found, diag.Diagnostic.Refuses) {
		found = append(found, preflight.Unreadable(c.targets, v.errs)...)
	}
	before := slices.Clone(v.graphs)
	planned, solved, more := c.plan(ctx, v, false)
	isolated, _ := c.req.Cache.Mounts.Isolated(c.targets, v.graphs, c.attrs)
	return Prospect{
		Targets: c.targets, Plan: planned, Incomplete: len(more) > 0, Read: before, Graphs: solved, Unread: v.without(c.targets),
		Findings: append(found, more...), Bases: v.bases, MissingPlatforms: v.lacks, At: v.at,
		Hints: c.hintsFor(planned, solved, isolated || c.req.Cache.Mounts == buildcache.IsolatedMounts),
	}
}

// asker returns an Asker that uses the sessions of the jobs.
func asker(jobs []job) Asker {
	return func(ctx context.Context, target platform.Platform, question string) (map[string][]byte, error) {
		j := jobs[slices.IndexFunc(jobs, func(j job) bool { return platform.Equal(j.target, target) })]
		unseen := *j.nodeRun
		unseen.env.Progress = unseenProgress{}
		return job{j.index, target, &unseen, j.instead}.ask(ctx, question)
	}
}

// unseenProgress shows nothing.
type unseenProgress struct{}

func (unseenProgress) Status(platform.Platform, *client.SolveStatus) {}
func (unseenProgress) Cleared(plan.Plan)                             {}
func (unseenProgress) Note(diag.Diagnostic)                          {}

// answered runs a solve that makes nothing, and returns as soon as fn has succeeded: until BuildKit has ended the solve, too, it takes a round
// trip from which nothing is learned. The solve ends with ctx at the latest; then is called after it.
func (j job) answered(ctx context.Context, then func(), fn gateway.BuildFunc) error {
	outcome := make(chan error, 2)
	go func() {
		defer then()
		_, err := j.solve(ctx, order{}, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
			res, err := fn(ctx, gw)
			if err == nil {
				outcome <- nil
			}
			return res, err
		})
		outcome <- err
	}()
	return <-outcome
}

// shownUntil passes on what solves report until its end.
type shownUntil struct {
	Progress
	mu    sync.Mutex
	open  map[string]platform.Platform // those whose messages have not ended, by the platform's text
	ended bool
}

// untilEnd returns the progress for solves of the targets that may still be ending when nothing is shown any more, from the call of end on,
// which ends the messages of all targets.
func untilEnd(p Progress, targets []platform.Platform) (shown Progress, end func()) {
	u := &shownUntil{Progress: p, open: map[string]platform.Platform{}}
	for _, target := range targets {
		u.open[platform.Format(target)] = target
	}
	return u, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.ended = true
		for _, name := range slices.Sorted(maps.Keys(u.open)) {
			u.Progress.Status(u.open[name], nil)
		}
	}
}

// Status implements Progress.
func (u *shownUntil) Status(p platform.Platform, msg *client.SolveStatus) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return
	}
	if name := platform.Format(p); msg == nil {
		delete(u.open, name)
	} else {
		u.open[name] = p
	}
	u.Progress.Status(p, msg)
}
