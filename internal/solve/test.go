package solve

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// tested are those of the platforms for which there are tests.
func (r Request) tested(targets []platform.Platform) []platform.Platform {
	var ps []platform.Platform
	for _, p := range targets {
		if len(r.testsOf(p)) > 0 {
			ps = append(ps, p)
		}
	}
	return ps
}

func (r Request) testsOf(p platform.Platform) []smoke.Test {
	return slices.DeleteFunc(slices.Clone(r.Tests), func(t smoke.Test) bool { return !t.For(p) })
}

// planOf is the plan in which a job is impossible also if the engine cannot run its tests, where BuildKit's own emulator is of no use.
func (c clearing) planOf(graphs []graph.Graph, status emulation.Status) plan.Plan {
	planned := plan.New(c.env.Node.Node, c.targets, graphs, status)
	for i := range planned.Jobs {
		j := &planned.Jobs[i]
		mode := c.env.Node.Mode(j.Platform, status)
		if len(c.req.testsOf(j.Platform)) == 0 || mode != plan.Impossible && mode != plan.EmulatedBuilder {
			continue
		}
		j.ForTests = len(j.Missing) == 0
		j.Mode, j.Missing = plan.Impossible, append(j.Missing, j.Platform)
	}
	return planned
}

// openBench prepares the engine for the tests; nil if there are none. What they bring there stays until they are cleared away, at the
// very end, so that an engine that is to be loaded with the images has them already.
func openBench(ctx context.Context, req Request, env Env, targets []platform.Platform) (bench *smoke.Bench, clear func(), err error) {
	if len(req.tested(targets)) == 0 {
		return nil, func() {}, nil
	}
	if bench, err = smoke.Open(ctx, env.Engine, env.Progress.Note); err != nil {
		return nil, nil, err
	}
	return bench, func() {
		if err := bench.Close(ctx); err != nil {
			env.Progress.Note("warning: images that were tested are left on the engine: " + err.Error())
		}
	}, nil
}

// test runs the platform's tests on its finished image, all at once as far as the engine has CPUs. The error says which have failed.
func (j job) test(ctx context.Context, c index.Child) ([]smoke.Outcome, error) {
	tests := j.req.testsOf(j.target)
	if len(tests) == 0 {
		return nil, nil
	}
	var image string
	err := j.env.during("bringing "+platform.Format(j.target)+" to the engine, to be tested", func() (err error) {
		image, err = j.bring(ctx, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the image could not be tested: %w", err)
	}
	outcomes := make([]smoke.Outcome, len(tests))
	var all sync.WaitGroup
	for i, t := range tests {
		all.Go(func() {
			if o := j.runTest(ctx, image, t); ctx.Err() == nil || o.Exit >= 0 { // else it says nothing about the image
				outcomes[i] = o
			}
		})
	}
	all.Wait()
	j.env.Progress.Status(j.target, nil)
	if ctx.Err() != nil {
		return slices.DeleteFunc(outcomes, func(o smoke.Outcome) bool { return o.Test == "" }), context.Cause(ctx)
	}
	return outcomes, smoke.Result{Outcomes: outcomes}.Err()
}

// bring makes the engine have the image: from the registry that it was pushed to, else from here. An engine that is to be loaded gets
// it from here in any case, and then once only.
func (j job) bring(ctx context.Context, c index.Child) (string, error) {
	img := smoke.Image{Platform: j.target, Root: c.Image.Descriptor, Config: c.Image.Config.Digest}
	if j.req.Outputs.Load != nil || !j.req.pushes() {
		img.Blobs = func(context.Context) (content.Fetcher, error) {
			return c, nil
		}
		return j.bench.Bring(ctx, img)
	}
	img.Pull = j.req.Repositories()[0]
	img.Blobs = func(ctx context.Context) (content.Fetcher, error) {
		ref, err := reference.WithDigest(img.Pull, img.Root.Digest)
		if err != nil {
			return nil, err
		}
		_, source, err := j.env.Registry.Source(ctx, ref)
		return source, err
	}
	if j.env.PullAuth != nil {
		var err error
		if img.Auth, err = j.env.PullAuth(ctx, img.Pull.Name()); err != nil {
			return "", err
		}
	}
	return j.bench.Bring(ctx, img)
}
