package solve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/grants"
	"github.com/docker-multiarch/docker-multiarch/internal/imagecheck"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/silence"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// nodeRun is one node's part in a build: the state that all solves on the node share. It is made once, and does not change.
type nodeRun struct {
	task
	node    Node
	own     []int  // the indexes of the targets that the node makes
	session string // the ID of the session that serves the build context to the node
	daemon  string // the ID of the BuildKit, for a node that may return
	commons []*common
	probe   probe
	reach   *preflight.Reach
	ahead   *sync.Once          // before the first solve reads the Dockerfile
	holder  *buildcache.Holder  // nil if there are no caches
	checker *imagecheck.Checker // nil if nothing is examined
	natives *crosscompile.Natives
	steps   *vertexlog.Log // of all solves of the node, without output
	fleet   *fleet
	grants  *grants.Grants // nil if the builder has no other node
	// up ends when the node is lost; nil if there is no other node, and this one does not return: the build ends then.
	up context.Context //nolint:containedctx // of the node, for all its solves
	// next is the run that goes on when the node has returned.
	next *returning
}

// returning is the return of a node that could not be reached for a while, once for all of its jobs.
type returning struct {
	once sync.Once
	run  *nodeRun
	err  error
}

// gcPercentOfNodes is how much the heap may grow, in percent, before garbage is collected in a build on several nodes. Each node needs memory of
// its own for what it is sent, nearly all of which is garbage at once.
const gcPercentOfNodes = 50

// openJobs gives the targets to nodes, and serves the build context to the nodes that have some, until stop is called. If the context
// cannot be served, it cancels ctx, unless there are other nodes. [building] adds everything that is needed beyond reading Dockerfiles.
func openJobs(ctx context.Context, cancel context.CancelCauseFunc, t task) (jobs []job, stop func(), err error) {
	probes := make([]probe, len(t.env.Nodes))
	for k, n := range t.env.Nodes {
		probes[k] = n.prober(t.targets)
	}
	all := t.candidates()
	placed, err := t.place(ctx, all, probes)
	if err != nil {
		return nil, nil, err
	}
	f := newFleet(ctx, cancel, t, all, probes)
	nodes := distinct(placed)
	if nodes > 1 {
		debug.SetGCPercent(gcPercentOfNodes)
	}
	f.walks = source.NewWalks(ctx, nodes)
	for i, p := range placed {
		run, err := f.open(p.node)
		if err != nil {
			f.stop()
			return nil, nil, err
		}
		run.own = append(run.own, i)
		jobs = append(jobs, job{i, t.targets[i], run, p.instead})
	}
	for _, r := range runsOf(jobs) {
		r.commons = commons(slices.DeleteFunc(slices.Clone(jobs), func(j job) bool { return j.nodeRun != r }))
	}
	return jobs, f.stop, nil
}

// distinct counts the nodes that have targets.
func distinct(places []placed) int {
	nodes := map[int]bool{}
	for _, p := range places {
		nodes[p.node] = true
	}
	return len(nodes)
}

// runsOf returns the nodes that have jobs, in the order of the first job of each.
func runsOf(jobs []job) (runs []*nodeRun) {
	for _, j := range jobs {
		if !slices.Contains(runs, j.nodeRun) {
			runs = append(runs, j.nodeRun)
		}
	}
	return runs
}

// building returns the jobs of a build that makes images. stop ends everything that was started for them.
func building(ctx context.Context, read []job) (jobs []job, stop func()) {
	natives := &crosscompile.Natives{}
	jobs = slices.Clone(read)
	runs := runsOf(read)
	for _, r := range runs {
		b := r.building(ctx, natives)
		for _, i := range b.own {
			jobs[i].nodeRun = b
		}
	}
	fleet := jobs[0].fleet
	fleet.building = func(r *nodeRun) *nodeRun { return r.building(ctx, natives) }
	return jobs, func() {
		for _, r := range append(runsOf(jobs), fleet.moved...) {
			r.holder.Close()
		}
	}
}

func (r *nodeRun) building(ctx context.Context, natives *crosscompile.Natives) *nodeRun {
	b := *r
	b.natives, b.steps = natives, &vertexlog.Log{}
	if r.req.Verify != nil && r.req.MakesImages() {
		b.checker = imagecheck.New(*r.req.Verify, imagecheck.Env{
			Store: r.node.Blobs, Registry: r.env.Registry, Far: r.node.lister(), Listings: r.env.Listings, During: r.env.during, Note: r.env.Progress.Note,
		})
	}
	// The second solve of an image, which pushes it without its attestations, is certain to give the same image if its steps are held, the
	// context among them.
	b.holder = buildcache.OpenHolder(ctx, r.caches(), r.req.Cache, r.targetsOf(), r.req.Attested() && r.req.Pushes())
	return &b
}

// targetsOf returns the targets that the node makes.
func (r *nodeRun) targetsOf() (ps []platform.Platform) {
	for _, i := range r.own {
		ps = append(ps, r.targets[i])
	}
	return ps
}

// unprobed returns the error of a node that could not be probed.
func (r *nodeRun) unprobed(err error) error {
	return fmt.Errorf("cannot find out what node %s runs: %w", r.node.Name, err)
}

// caches returns the node as package buildcache needs it.
func (r *nodeRun) caches() buildcache.Node {
	return buildcache.Node{
		Options: func(p *spb.Policy) (client.SolveOpt, error) {
			return r.options(map[string]string{}, pins.Pins{Policy: p})
		},
		Solve: r.cacheSolve,
		Show:  func(msg *client.SolveStatus) { r.env.Progress.Status(platform.Platform{}, msg) },
		Note:  r.env.Progress.Note,
	}
}

// options returns the options of a solve besides the frontend's own. BuildKit compares what comes out with attrs.
func (r *nodeRun) options(attrs map[string]string, p pins.Pins) (client.SolveOpt, error) {
	attach, err := r.req.attachables(r.env.Auth, r.grants)
	return client.SolveOpt{
		FrontendAttrs: attrs, Session: attach, Internal: true, OCIStores: r.req.Source.Stores,
		AllowedEntitlements: r.req.entitlements(), SourcePolicy: p.Under(r.req.Policy),
	}, err
}

// recorded returns which of the node's targets has the one solve that BuildKit records as a build. BuildKit writes every build into its
// history, to disk and before it answers, which takes up to half the time of a build from cache (make bench), so one record must do.
// BuildKit also lists it among the running builds. So it is the platform that likely takes longest: one that is not the node's own.
func (r *nodeRun) recorded() int {
	for _, i := range r.own {
		if r.node.Foreign(r.targets[i]) {
			return i
		}
	}
	return r.own[0]
}

// install makes a node run the platforms that its jobs are missing. Where that fails for all, it tries again without the platforms that
// only optional targets need: one missing emulator must not block the rest. now is by which the plan was made.
func (r *nodeRun) install(ctx context.Context, now *emulation.Status, its plan.Plan) error {
	missing := its.Missing()
	err := r.node.Install(ctx, now, missing)
	needed := its.MissingOf(func(j plan.Job) bool { return !r.req.optional(j.Platform) })
	if err != nil && len(needed) > 0 && len(needed) < len(missing) {
		if again := r.node.Install(ctx, nil, needed); again != nil {
			return again
		}
	}
	return err
}

// readAhead lets the node read the context's ignore file, once, while a frontend without inputs reads the Dockerfile. The caller calls end when
// the frontend has answered.
func (r *nodeRun) readAhead(ctx context.Context, gw gateway.Client) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	r.ahead.Do(func() { reading.Go(func() { r.req.Source.Ahead(ctx, gw, r.session) }) })
	return func() {
		cancel()
		reading.Wait()
	}
}

// watched is runSolve for a solve that sends to repositories, one after the other. It ends the solve with a [failure.SilentError] if a
// registry receives nothing more.
func (r *nodeRun) watched(
	ctx context.Context, to []reference.Named, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus),
) (*client.SolveResponse, error) {
	if len(to) == 0 || r.node.Sent == nil {
		return r.runSolve(ctx, opt, fn, see)
	}
	w := silence.New(r.node.Sent, r.env.Registry.Silence)
	ctx, end := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		if rest := w.Await(ctx); rest > 0 {
			end(&failure.SilentError{Repository: to[min(w.Repository(), len(to)-1)].Name(), For: rest})
		}
	})
	resp, err := r.runSolve(ctx, opt, fn, func(msg *client.SolveStatus) {
		w.See(msg)
		see(msg)
	})
	silent, ended := errors.AsType[*failure.SilentError](context.Cause(ctx))
	end(nil)
	watching.Wait()
	if err != nil && ended {
		return nil, silent
	}
	return resp, err
}

// runSolve is the function of this name for a solve on the node.
func (r *nodeRun) runSolve(ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, see func(*client.SolveStatus)) (*client.SolveResponse, error) {
	if opt.Internal || !r.node.tellsExports() {
		return runSolve(ctx, r.node.Solver, opt, fn, see)
	}
	return runRecorded(ctx, r.life, r.node.Solver, opt, fn, see, r.leave)
}

// leave records that this build has left its solve before BuildKit has written the record.
func (r *nodeRun) leave(ref string) {
	if len(r.req.Source.Dirs) > 0 {
		r.placements().Leave(placementKey(r.node.Name, r.node.Address), ref)
	}
}

// fleet has the nodes of a build. It serves the build context to those that have jobs, and moves the jobs of a node that is lost.
type fleet struct {
	task
	ctx    context.Context //nolint:containedctx // of the build, for nodes that get their first job later
	cancel context.CancelCauseFunc
	probes []probe
	walks  *source.Walks
	// frontends are pinned before anything is read.
	frontends pins.Frontends
	// building completes a run for a job that was moved.
	building func(*nodeRun) *nodeRun

	mu    sync.Mutex
	all   []plan.Candidate
	runs  []*nodeRun // by node: nil if it has had no job yet
	turns map[string]limits
	moved []*nodeRun   // of jobs that were moved, or went on when their node had returned
	ended map[int]bool // the jobs that have ended, by index, and whether they have an image
	stops []func()
}

func newFleet(ctx context.Context, cancel context.CancelCauseFunc, t task, all []plan.Candidate, probes []probe) *fleet {
	return &fleet{
		task: t, ctx: ctx, cancel: cancel, all: all, probes: probes, runs: make([]*nodeRun, len(t.env.Nodes)), turns: map[string]limits{}, ended: map[int]bool{},
		building: func(r *nodeRun) *nodeRun { return r },
	}
}

// stop ends all sessions.
func (f *fleet) stop() {
	for _, stop := range slices.Backward(f.stops) {
		stop()
	}
}

// open returns the run of a node, to which it serves the build context from the first call on.
func (f *fleet) open(k int) (*nodeRun, error) {
	if f.runs[k] != nil {
		return f.runs[k], nil
	}
	n := f.env.Nodes[k]
	r := &nodeRun{task: f.task, node: n, probe: f.probes[k], fleet: f, ahead: &sync.Once{}, next: &returning{}}
	r.req.ExtraHosts = f.req.hostsOn(n)
	if f.env.several() {
		r.req.Cache = f.req.Cache.OnNode(n.Name, f.env.NodeNames)
	}
	broken := func(err error) {
		if err != nil {
			f.cancel(fmt.Errorf("cannot serve the build context: %w", err))
		}
	}
	if len(f.env.Nodes) > 1 {
		r.grants = grants.New(f.req.Source.Remote())
	}
	if n.Return != nil {
		r.daemon = n.Return.ID()
	}
	if len(f.env.Nodes) > 1 || n.Return != nil {
		up, lost := context.WithCancelCause(context.WithoutCancel(f.ctx))
		ends := broken
		r.up, broken = up, func(err error) {
			if len(f.env.Nodes) == 1 && !n.Return.Away() {
				ends(err)
				return
			}
			lost(cmp.Or(err, errConnection))
		}
		f.stops = append(f.stops, func() { lost(nil) })
	}
	f.awaitLast(f.ctx, n)
	session, end, err := f.req.Source.Serve(f.ctx, broken, n.Solver, source.ServeOptions{
		Client: f.env.Client, Omit: sink.StagePrefix, Walks: f.walks,
	})
	if err != nil {
		return nil, err
	}
	r.session, r.reach = session, f.reach(n)
	f.runs[k], f.stops = r, append(f.stops, end, r.reach.Wait)
	return r, nil
}

// reach asks for the registries that the node will push to, except those that took a push of it before.
func (f *fleet) reach(n Node) *preflight.Reach {
	return preflight.NewReach(slices.DeleteFunc(append(f.req.Repositories(), f.req.CacheRepositories()...), func(repo reference.Named) bool {
		return f.env.Pushed.Took(repo, n.ID)
	}), f.req.Insecure)
}

// limits returns the limits of a node, which are made once.
func (f *fleet) limits(node Node) limits {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.turns[node.Name]
	if !ok {
		l = newLimits(f.req.Jobs, node.CPUs)
		f.turns[node.Name] = l
	}
	return l
}

// elsewhere returns the place of a job whose node is lost. An error means that no other node may build the platform.
func (f *fleet) elsewhere(ctx context.Context, j job, err error) (plan.Place, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.env.Nodes) == 1 {
		return plan.Place{}, err
	}
	for k, n := range f.env.Nodes {
		if n.Name == j.node.Name {
			f.all[k].Down = err
		} else if f.all[k].Down == nil {
			f.all[k].Status, _ = f.probes[k](ctx) // a node that cannot be probed runs its own platform
		}
	}
	places, err := plan.Assign(f.all, []platform.Platform{j.target}, f.req.Fallback)
	if err != nil {
		return plan.Place{}, err
	}
	return places[0], nil
}

// move returns a job whose node is lost as a job of another node, and notes it.
func (f *fleet) move(ctx context.Context, j job, cause error) (*job, error) {
	place, err := f.elsewhere(ctx, j, cause)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	run, err := f.open(place.Node)
	if err != nil {
		return nil, err
	}
	its := *run
	its.own, its.commons = []int{j.index}, nil
	on := f.building(&its)
	f.moved = append(f.moved, on)
	f.env.Progress.Note(diag.Warningf("%s: %v; building it again on node %q", platform.Format(j.target), cause, on.node.Name))
	return &job{j.index, j.target, on, cause.Error()}, nil
}
