package solve

import (
	"context"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Prospect is what is known of a build at the barrier, before anything of it is done. What is a list is by the index of Targets.
type Prospect struct {
	Targets []platform.Platform
	// Plan of the build; Incomplete if it was not found out how all of it would be made.
	Plan       plan.Plan
	Incomplete bool
	// Read are the graphs as the frontends wrote them; Graphs as they would be solved.
	Read, Graphs []graph.Graph
	// Unread are platforms whose Dockerfile could not be read.
	Unread []platform.Platform
	// Findings are what a preflight has found.
	Findings []preflight.Finding
	// Bases are the base images, and Lacks those that have nothing for platforms; At asks more about them.
	Bases []baseimage.Base
	Lacks []baseimage.Lack
	At    baseimage.At
	// Hints are what hints are looked for in.
	Hints hints.Build
}

// Asker puts a question to the frontend of a target, as [Ask] does. No progress is shown of it.
type Asker func(ctx context.Context, target platform.Platform, question string) (values map[string][]byte, err error)

// Viewer is told by [Look] what a build would be.
type Viewer struct {
	// See is told what is known at the barrier, where nodes can be asked for more. It is not called if no Dockerfile could be read.
	See func(context.Context, Prospect)
	// Beside runs beside the reading, for the same targets.
	Beside func(context.Context, []platform.Platform, Asker)
}

// Look does what [Run] does up to the moment in which something would be done: the Dockerfile is read for each platform, base images
// and registries are looked at, and nodes are asked what they run. Then it ends: no step runs, nothing of the context is sent, nothing is
// exported and nothing installed. A Dockerfile that cannot be read is a [FailedError].
func Look(ctx context.Context, req Request, env Env, preflight func(context.Context) error, viewer Viewer) error {
	targets := req.targets(env.Nodes[0])
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

// look is a solve that ends at the barrier.
func (j job) look(ctx context.Context, seat *seat) error {
	defer seat.Report(report{})
	_, err := j.solve(ctx, order{}, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
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
	return err
}

// prospect plans the build without installing anything.
func (c decider) prospect(ctx context.Context, v observation) Prospect {
	found := slices.Clone(v.found)
	if !slices.ContainsFunc(found, preflight.Finding.Refuses) {
		found = append(found, preflight.Unreadable(c.targets, v.errs)...)
	}
	before := slices.Clone(v.graphs)
	planned, solved, more := c.plan(ctx, v, false)
	isolated, _ := c.req.Cache.Mounts.Isolated(c.targets, v.graphs, c.attrs)
	return Prospect{
		Targets: c.targets, Plan: planned, Incomplete: len(more) > 0, Read: before, Graphs: solved, Unread: v.without(c.targets),
		Findings: append(found, more...), Bases: v.bases, Lacks: v.lacks, At: v.at,
		Hints: c.hintsFor(planned, solved, isolated || c.req.Cache.Mounts == buildcache.IsolatedMounts),
	}
}

// asker asks over the sessions of the jobs.
func asker(jobs []job) Asker {
	return func(ctx context.Context, target platform.Platform, question string) (map[string][]byte, error) {
		j := jobs[slices.IndexFunc(jobs, func(j job) bool { return platform.Equal(j.target, target) })]
		unseen := *j.nodeRun
		unseen.env.Progress = unseenProgress{}
		return job{j.index, target, &unseen}.ask(ctx, question)
	}
}

// unseenProgress shows nothing.
type unseenProgress struct{}

func (unseenProgress) Status(platform.Platform, *client.SolveStatus) {}
func (unseenProgress) Cleared(plan.Plan)                             {}
func (unseenProgress) Note(string)                                   {}
