package solve

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// roaming is a node whose connection breaks, and that may be reached again.
type roaming struct {
	mu   sync.Mutex
	now  *buildkittest.Builder
	away bool
	id   string
	// again is what the node is after its return; its error is that of the return.
	again func(context.Context) (*buildkittest.Builder, error)
}

func (r *roaming) builder() *buildkittest.Builder {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *roaming) Build(
	ctx context.Context, opt client.SolveOpt, product string, fn gateway.BuildFunc, status chan *client.SolveStatus,
) (*client.SolveResponse, error) {
	return r.builder().Build(ctx, opt, product, fn, status)
}

func (r *roaming) Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error {
	return r.builder().Serve(ctx, run)
}

func (r *roaming) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	return r.builder().Fetch(ctx, desc)
}

func (r *roaming) Away() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}

func (r *roaming) Limit() time.Duration { return time.Minute }

func (r *roaming) ID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.id
}

func (r *roaming) Return(ctx context.Context) error {
	b, err := r.again(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.now, r.away = b, false
	}
	return err
}

// roams makes the only node of a build one whose connection breaks in a hook, and which returns as another builder.
func (w *harness) roams(away bool) (*roaming, *buildkittest.Builder) {
	after := buildkittest.New(w.t)
	after.Platforms = w.Platforms
	r := &roaming{now: w.Builder, away: away, again: func(context.Context) (*buildkittest.Builder, error) { return after, nil }}
	n := &w.env.Nodes[0]
	n.Solver, n.Blobs, n.Layers, n.Return = r, r, r, r
	return r, after
}

func TestABuildGoesOnAtANodeThatIsReachedAgain(t *testing.T) {
	for name, at := range map[string]func(*buildkittest.Builder){
		"before the barrier":       func(b *buildkittest.Builder) { b.Read = dies(b) },
		"while steps run":          func(b *buildkittest.Builder) { b.Run = dies(b) },
		"while an image is pushed": func(b *buildkittest.Builder) { b.Push = dies(b) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			w.req.FailFast = true // a node that returns has not failed
			_, after := w.roams(true)
			at(w.Builder)
			rep := w.mustRun()
			for _, p := range rep.Platforms {
				if p.Instead != "" || p.Retries != 0 {
					t.Errorf("%+v", p)
				}
			}
			said := strings.Join(w.progress.notes, "\n")
			if strings.Count(said, "to reach it again") != 1 || strings.Count(said, "answers again") != 1 {
				t.Errorf("it says %q", w.progress.notes)
			}
			if names, _ := w.indexed("app:v1"); !slices.Equal(names, []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}) {
				t.Errorf("the index has %q", names)
			}
			if sent := sentContexts(after); sent != 1 {
				t.Errorf("the context was sent %d times", sent)
			}
			leftNothing(t)
		})
	}
}

func TestABuildGoesOnAtANodeThatHasLostItsCache(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	r, after := w.roams(true)
	r.id, w.env.Nodes[0].ID = "first", "first"
	r.again = func(context.Context) (*buildkittest.Builder, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.id = "second"
		return after, nil
	}
	w.Run = dies(w.Builder)
	w.mustRun()
	said := strings.Join(w.progress.notes, "\n")
	if strings.Count(said, `warning: node "default" answers again, but its cache is lost; building linux/`) != 1 || strings.Contains(said, "finished steps") {
		t.Errorf("it says %q", w.progress.notes)
	}
	if names, _ := w.indexed("app:v1"); len(names) != 3 || sentContexts(after) != 1 {
		t.Errorf("the index has %q, and the context was sent %d times", names, sentContexts(after))
	}
}

func TestANodeThatDoesNotReturnIsNamedWithTheReason(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	r, _ := w.roams(true)
	w.Run = dies(w.Builder)
	tries := 0
	r.again = func(context.Context) (*buildkittest.Builder, error) {
		tries++
		return nil, errors.New("a new connection: it has stopped")
	}
	_, err := w.run()
	if lost, ok := errors.AsType[*failure.LostNodeError](err); !ok || lost.Node != "default" || !strings.Contains(err.Error(), "; a new connection: it has stopped") {
		t.Errorf("got %v", err)
	}
	if tries != 1 || w.tagged("app:v1") != "" {
		t.Errorf("%d tries, and the tag names %q", tries, w.tagged("app:v1"))
	}
}

func TestTheErrorAboutANodeThatDoesNotReturnSaysWhatIsDone(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	r, _ := w.roams(true)
	r.again = func(context.Context) (*buildkittest.Builder, error) {
		return nil, errors.New("it could not be reached again within 1m30s")
	}
	targets, _, err := platform.Parse("linux/386", "linux/amd64", "linux/arm64", "linux/s390x")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{ctx: t.Context(), task: task{env: w.env, targets: targets}, ended: map[int]bool{0: true, 1: false}}
	run := &nodeRun{node: w.env.Nodes[0], own: []int{0, 1, 2}, next: &returning{}}
	_, err = f.returned(job{nodeRun: run}, errors.New("BuildKit did not answer for 20s"))
	want := "BuildKit did not answer for 20s; it could not be reached again within 1m30s; done: linux/386"
	if lost, ok := errors.AsType[*failure.LostNodeError](err); !ok || lost.Node != "default" || err.Error() != want {
		t.Errorf("got %v", err)
	}
	want = "BuildKit did not answer for 20s; trying for 1m0s to reach it again, to go on with linux/arm64 there; done: linux/386"
	if said := w.progress.notes; len(said) != 1 || !strings.Contains(said[0], want) {
		t.Errorf("it says %q", said)
	}
}

func TestAConnectionThatWasClosedIsNotMadeAgain(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	r, _ := w.roams(false)
	w.Run = dies(w.Builder)
	r.again = func(context.Context) (*buildkittest.Builder, error) {
		t.Error("it was made again")
		return nil, errors.New("closed")
	}
	if _, err := w.run(); err == nil {
		t.Error("the build succeeded")
	}
}

func TestABuildThatIsCancelledDoesNotWaitForItsNode(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	r, _ := w.roams(true)
	w.Run = dies(w.Builder)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	r.again = func(ctx context.Context) (*buildkittest.Builder, error) {
		cancel(stop)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	if _, err := Run(ctx, w.req, w.env, w.preflight); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	leftNothing(t)
}
