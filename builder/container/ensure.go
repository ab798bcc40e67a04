package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client/pkg/stringid"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// maxSteps bounds the steps of one run of ensure. Two are usual (create, start); contention needs a few more.
const maxSteps = 20

// errChanged means that the builder has changed since it was observed.
var errChanged = errors.New("the builder has changed since it was observed")

// reconciler is one run of ensure, for a caller that needs a node, a builder, or a description of one.
type reconciler struct {
	eng    *engine.Engine
	spec   Spec
	kind   kind
	say    func(line string)
	info   engine.Info // of the engine, after it has answered
	side   side
	want   settings // of the last observation
	made   made
	early  *earlyConn
	ahead  *builder.Ahead          // of the most recently chosen container
	judged map[string]func() error // by image (asJudged): whether it may run with privileges
	// stopJudging stops what judge has begun.
	stopJudging []func()
}

// kind holds the differences between the callers. [Driver.Connect]'s is the zero value, or keeps.
type kind struct {
	fresh        bool // a builder that exists is an error
	keeps        bool // the requested network is for all builds of the builder
	mayBeStopped bool // it need not run
	asIs         bool // any container satisfies the settings; nothing is created
}

// errNone means that a builder to use as it is does not exist.
var errNone = errors.New("it does not exist")

// ensure returns a node whose BuildKit answers and which satisfies spec. It creates, starts or replaces
// the container as needed. report, which may be nil, gets a line about each step that takes time; it is
// called from one goroutine at a time and not after ensure has returned. Errors name the builder. The
// caller closes the node.
//
// A process that holds a node must close it before it asks for the same builder with other settings:
// its own connection counts as a user of the builder.
func ensure(ctx context.Context, eng *engine.Engine, spec Spec, report func(line string)) (*reconciler, *Node, error) {
	spec = spec.withDefaults()
	if err := builder.CheckName(spec.Builder); err != nil {
		return nil, nil, err
	}
	k := newReconciler(eng, spec, report)
	k.kind.keeps = spec.hostNetworkOfNode()
	node, err := k.ensure(ctx)
	if refused, ok := errors.AsType[refusedError](err); ok {
		return nil, nil, refused.error
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", spec.Endpoint, err)
	}
	return k, node, nil
}

// newReconciler expects a complete spec.
func newReconciler(eng *engine.Engine, spec Spec, report func(line string)) *reconciler {
	if report == nil {
		report = func(string) {}
	}
	return &reconciler{
		eng: eng, spec: spec, made: made{started: map[string]bool{}}, judged: map[string]func() error{},
		say: func(line string) { report(fmt.Sprintf("%s: %s", spec.Endpoint, line)) },
	}
}

// ensure brings the builder to the requested settings. The node is nil if it need not run.
func (k *reconciler) ensure(ctx context.Context) (*Node, error) {
	if err := k.eng.Answers(ctx); err != nil {
		return nil, err
	}
	defer func() {
		for _, end := range k.stopJudging {
			end()
		}
	}()
	have, err := k.begin(ctx)
	defer k.early.drop()
	if err != nil {
		return nil, err
	}
	for steps := 0; steps < maxSteps; steps++ {
		todo, err := k.next(ctx, have)
		if err != nil || (k.kind.mayBeStopped && todo.Action == actStart) {
			return nil, err
		}
		if todo.Action == actUse {
			node, err := k.use(ctx, have)
			if !errors.Is(err, errChanged) {
				return node, err
			}
		} else if err := k.act(ctx, todo, have); err != nil {
			return nil, err
		}
		if have, err = k.observe(ctx); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("its container keeps changing: another program seems to manage it, too")
}

// begin observes the builder and chooses the side.
func (k *reconciler) begin(ctx context.Context) (have observed, err error) {
	_, asks := k.spec.needsHostNetwork()
	if asks && !k.kind.keeps {
		k.side = onHost
	}
	to := []string{k.container()}
	if k.side == onHost && !k.kind.asIs {
		to = append(to, general.container(k.spec.Endpoint)) // it may be on the host's network as well
	}
	k.early = dialEarly(ctx, target{eng: k.eng, local: k.local()}, to, k.spec.Probe)
	var whole observed // the general side, if the other one is requested
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		k.info, err = k.eng.Info(gctx)
		return err
	})
	g.Go(func() (err error) {
		have, err = k.observe(gctx)
		return err
	})
	if k.side == onHost && !k.kind.asIs {
		g.Go(func() (err error) {
			whole, err = observe(gctx, k.eng, k.spec.Endpoint, general)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return have, err
	}
	if k.info.OSType != "linux" {
		return have, fmt.Errorf("the engine runs %s containers; a builder needs linux", k.info.OSType)
	}
	if whole.Settings.Network == hostNetwork { // chosen by its user, or made by an older version of this program
		k.side, have = general, whole
	}
	if k.spec.Host.PermissionErr != nil && !asks && !have.Settings.keepsNetwork() && k.spec.Options[optNetwork] == "" {
		return have, refusedError{k.spec.Host.PermissionErr}
	}
	return have, nil
}

// observe reads the state of this side of the builder.
func (k *reconciler) observe(ctx context.Context) (observed, error) {
	return observe(ctx, k.eng, k.spec.Endpoint, k.side)
}

func (k *reconciler) container() string { return k.side.container(k.spec.Endpoint) }

// next decides on the next step.
func (k *reconciler) next(ctx context.Context, have observed) (step, error) {
	switch {
	case k.kind.fresh && have.ID != "" && have.ID != k.made.created:
		return step{}, ErrExists
	case k.kind.asIs && have.ID == "":
		return step{}, errNone
	case k.kind.asIs:
		have.SettingsProblem = ""
		return k.allowed(ctx, decide(have.Settings, "", have), have)
	}
	k.want = k.wants(have)
	return k.allowed(ctx, decide(k.want, k.spec.MinVersion, have), have)
}

// use connects to a running container while its image is judged. A container whose image may not run
// with privileges is treated as if it had changed: the next step replaces it.
func (k *reconciler) use(ctx context.Context, have observed) (*Node, error) {
	k.ahead = builder.ProbeAhead(ctx, func(ctx context.Context, ps ...platform.Platform) (emulation.Status, error) {
		return k.spec.Probes.probe(ctx, k.target(have), k.early.besides(k.container()), ps...)
	}, k.spec.Probe)
	node, err := k.connectJudged(ctx, have)
	if err != nil {
		k.ahead.Stop()
	}
	return node, err
}

func (k *reconciler) connectJudged(ctx context.Context, have observed) (*Node, error) {
	verdict := k.judge(ctx, have)
	node, err := k.connect(ctx, have)
	if err != nil {
		return nil, err
	}
	if err := verdict(); err != nil {
		if _, ok := errors.AsType[*trust.UnprovenError](err); ok {
			err = errChanged
		}
		return nil, errors.Join(err, node.Close())
	}
	return node, nil
}

// wants returns the settings for a container in the place of have.
func (k *reconciler) wants(have observed) settings {
	want := requestedSettings(k.spec, k.info)
	if k.kind.keeps && want.Network == hostNetwork {
		want.Chosen = chosenByConfig
		if k.spec.Options[optNetwork] == hostNetwork {
			want.Chosen = chosenByFlag
		}
	}
	if inherit(want, have.Settings).Network != hostNetwork {
		want.Mirrors = slices.DeleteFunc(slices.Clone(want.Mirrors), buildkitd.IsLoopbackMirror)
	}
	return want
}

// act takes one step. It is not an error if another client was faster.
func (k *reconciler) act(ctx context.Context, todo step, have observed) error {
	switch todo.Action {
	case actRefuse:
		return &ForeignError{k.container()}
	case actCreate:
		if err := k.may(ctx); err != nil {
			return err
		}
		k.say("creating" + k.network())
		return k.create(ctx, observed{})
	case actRecreate:
		return k.recreate(ctx, todo, have)
	case actUnpause:
		k.say("unpausing")
		return ignoreChanged(k.eng.UnpauseContainer(ctx, have.ID))
	case actStart:
		if k.made.started[have.ID] && have.ExitCode != 0 {
			if err := k.crashed(ctx, have); !errors.Is(err, errChanged) {
				return err
			}
			return nil
		}
		if have.ID != k.made.created {
			k.say("starting")
		}
		return k.start(ctx, have)
	case actWait:
		return k.awaitGone(ctx, have)
	default:
		return fmt.Errorf("cannot %s", todo)
	}
}

// recreate replaces the container, on the same volume, once it is idle.
func (k *reconciler) recreate(ctx context.Context, todo step, have observed) error {
	if err := k.may(ctx); err != nil {
		return err
	}
	k.early.drop() // this run's own connection must not count
	if err := k.awaitIdle(ctx, have, todo); err != nil {
		return err
	}
	k.say("replacing its container: " + strings.Join(todo.Reasons, "; "))
	return k.create(ctx, have)
}

// awaitGone waits until a container that is being removed is gone.
func (k *reconciler) awaitGone(ctx context.Context, have observed) error {
	ctx, cancel := context.WithTimeoutCause(ctx, k.spec.StartWait,
		fmt.Errorf("the engine has not removed its old container after %s: try \"docker rm -f %s\"", k.spec.StartWait, stringid.TruncateID(have.ID)))
	defer cancel()
	for pause := newPause(); ; {
		_, found, err := k.eng.InspectContainer(ctx, have.ID)
		if err != nil || !found {
			return err
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// ignoreChanged drops the errors which mean that the container has changed since it was observed: the
// next observation shows the change.
func ignoreChanged(err error) error {
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) {
		return nil
	}
	return err
}

// pause is a wait that grows from 20 ms to half a second.
type pause struct{ next time.Duration }

func newPause() *pause { return &pause{next: 20 * time.Millisecond} }

// wait returns early, with the cause, when ctx ends.
func (p *pause) wait(ctx context.Context) error {
	t := time.NewTimer(p.next)
	defer t.Stop()
	p.next = min(p.next*3/2, 500*time.Millisecond)
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refusedError is the error that the spec's Permit returned.
type refusedError struct{ error }

func (k *reconciler) may(ctx context.Context) error {
	if k.spec.Permit == nil {
		return nil
	}
	if err := k.spec.Permit(ctx); err != nil {
		return refusedError{err}
	}
	return nil
}

// network returns the message that a new container joins the host's network, and why.
func (k *reconciler) network() string {
	reason, needs := k.spec.needsHostNetwork()
	switch {
	case !needs:
		return ""
	case reason == "":
		return ", on the host's network"
	}
	return ", on the host's network: " + reason + " asks for it"
}
