package solve

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Run builds the request and moves its tags. preflight runs while the Dockerfile is read; if it fails nothing is built.
//
// The report is valid with an error too. Errors that a caller may distinguish: [preflight.CannotRunError], [preflight.Error],
// [FailedError], [index.PushError], and the cause of a cancelled ctx.
func Run(ctx context.Context, req Request, env Env, preflight func(context.Context) error) (Report, error) {
	targets := req.targets(env.Nodes[0])

	solving, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	files, err := sink.StageFiles(ctx, req.Outputs, targets, req.AllowPartial, env.Stdout)
	if err != nil {
		return Report{}, err
	}
	defer files.Abort(ctx)
	testers, tested, err := openTesters(ctx, req, env, targets)
	if err != nil {
		return Report{}, err
	}
	defer tested()
	layers, dropped, err := openLayers(req)
	if err != nil {
		return Report{}, err
	}
	defer dropped()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	w := task{req, env, targets, files, testers, layers, life}
	results, decided, err := solveAll(solving, cancel, w, preflight)
	if err != nil {
		return Report{}, err
	}
	rep, err := gather(solving, w, results, decided)
	if err != nil {
		w.rememberPushes(nil, err)
		return rep, err
	}
	var children []index.Child
	for i, r := range results {
		if r.err == nil {
			children = append(children, r.child)
		} else {
			files.Drop(i)
		}
	}
	rep, err = finish(ctx, w, rep, children)
	w.rememberPushes(results, err)
	return rep, err
}

// solveAll runs one job for each platform. The results are in the order of targets. It cancels ctx if the context cannot be served.
func solveAll(
	ctx context.Context, cancel context.CancelCauseFunc, w task, preflight func(context.Context) error,
) ([]solved, decision, error) {
	read, stop, err := openJobs(ctx, cancel, w)
	if err != nil {
		return nil, decision{}, err
	}
	defer stop()
	jobs, end := building(ctx, read)
	defer end()
	decide, answered := newDecider(ctx, jobs, withCaches(runsOf(jobs), preflight))
	defer answered()
	solving, cancelAll := context.WithCancelCause(ctx)
	defer cancelAll(nil)
	results, b := make([]solved, len(jobs)), newBarrier(jobs)
	exporting, stopExport := context.WithCancel(ctx)
	b.caches = newCacheExport(exporting, w)
	defer func() { stopExport(); b.caches.running.Wait() }()
	var running sync.WaitGroup
	for i, j := range jobs {
		running.Go(func() {
			results[i] = j.run(solving, b.seat(i))
			w.failedFast(i, results[i], cancelAll)
		})
	}
	b.decide(solving, decide.decide)
	running.Wait()
	stoppedBy(solving, results)
	w.compare(results)
	w.remember(results, b.decision.plan)
	w.rememberPlaces(results)
	decided := b.decision
	if w.suffice(results) && decided.err == nil {
		decided.err = b.caches.finish(results, decided.pins)
	}
	return results, decided, nil
}

// openLayers makes a folder for layers, if exports send them.
func openLayers(req Request) (dir string, drop func(), err error) {
	if !req.TakesLayers() {
		return "", func() {}, nil
	}
	return inuse.TempDir()
}

// openTesters prepares the places of the tests, by the names of the nodes: the engines beside the nodes, and for nodes without one, that of env,
// or the nodes' cluster if that one does not answer. It returns nil if there are no tests.
func openTesters(ctx context.Context, req Request, env Env, targets []platform.Platform) (all map[string]*imagetest.Tester, done func(), err error) {
	if len(req.tested(targets)) == 0 {
		return nil, func() {}, nil
	}
	all = map[string]*imagetest.Tester{}
	var ends []func()
	done = func() {
		for _, end := range ends {
			end()
		}
	}
	on := map[*engine.Engine]*imagetest.Tester{}
	away := sync.OnceValue(func() bool {
		_, err := env.Engine.Info(ctx)
		return errors.Is(err, engine.ErrUnreachable) && ctx.Err() == nil
	})
	for _, n := range env.Nodes {
		open, beside, err := n.testsOn(req, env, away)
		t := on[beside]
		if err == nil && t == nil {
			var end func()
			if t, end, err = imagetest.Open(ctx, imagetest.Env{Open: open, Progress: env.Progress, During: env.during}, req.Tests); err == nil {
				ends = append(ends, end)
			}
		}
		if err != nil {
			done()
			return nil, nil, err
		}
		if all[n.Name] = t; beside != nil {
			on[beside] = t
		}
	}
	return all, done, nil
}

// ErrTestsNeedPush means that images are to be tested in a cluster, and are not pushed: a cluster pulls images from registries.
var ErrTestsNeedPush = errors.New("no engine answers here, so the tests would run in the builder's cluster, which pulls images from a registry")

// testsOn returns what opens the place of the tests of the node's images, and the engine if it is one. away reports whether that of env does not
// answer.
func (n Node) testsOn(req Request, env Env, away func() bool) (imagetest.Opener, *engine.Engine, error) {
	if n.Engine == nil && n.Cluster != nil && away() {
		if !req.Pushes() {
			return nil, nil, ErrTestsNeedPush
		}
		return n.Cluster, nil, nil
	}
	on := cmp.Or(n.Engine, env.Engine)
	return imagetest.Engine{Engine: on, Registry: env.Registry, PullAuth: env.PullAuth}.Open, on, nil
}

// newDecider starts the preflight that the barrier waits for. stop ends the preflight and waits for its end: its answer is unused if no
// Dockerfile could be read. Probes are started where nodes are opened ([Request.ToProbe]).
func newDecider(ctx context.Context, jobs []job, registries func(context.Context) error) (c decider, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	c = decider{task: jobs[0].task, runs: runsOf(jobs), jobs: jobs}
	var asking sync.WaitGroup
	var answer error
	asking.Go(func() { answer = registries(ctx) })
	c.preflight = func() error {
		asking.Wait()
		return answer
	}
	return c, func() {
		cancel()
		asking.Wait()
	}
}
