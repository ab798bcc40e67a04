package solve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/session"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// blocker stops a build at one request until the build is cancelled.
type blocker struct {
	here chan struct{}
	once sync.Once
}

func (b *blocker) wait(ctx context.Context) error {
	b.once.Do(func() { close(b.here) })
	<-ctx.Done()
	return context.Cause(ctx)
}

// on returns a hook that blocks one platform, or all with "".
func (b *blocker) on(name string) buildkittest.Hook {
	return func(ctx context.Context, p platform.Platform) error {
		if name == "" || platform.Format(p) == name {
			return b.wait(ctx)
		}
		return nil
	}
}

func (b *blocker) request(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, req.Body) // the server notices only then that the client has disconnected
	_ = b.wait(req.Context())
}

func TestACancelledBuildEndsWithItsCauseAndMovesNoTag(t *testing.T) {
	for name, block := range map[string]func(*harness, *blocker){
		"while a Dockerfile is read":  func(w *harness, b *blocker) { w.Read = b.on("linux/arm64") },
		"while the registry is asked": func(w *harness, b *blocker) { w.preflight = b.wait },
		"while the node is probed": func(w *harness, b *blocker) {
			w.env.Nodes[0].Probe = func(ctx context.Context, _ ...platform.Platform) (emulation.Status, error) {
				return emulation.Status{}, b.wait(ctx)
			}
		},
		"while emulators are installed": func(w *harness, b *blocker) {
			w.kernel = nil
			w.env.Nodes[0].Install = func(ctx context.Context, _ *emulation.Status, _ []platform.Platform) error {
				return b.wait(ctx)
			}
		},
		"while steps run":                  func(w *harness, b *blocker) { w.Run = b.on("linux/arm64") },
		"while all wait for the first":     func(w *harness, b *blocker) { w.Run = b.on(""); w.req.Jobs = 1 },
		"while some wait for shared steps": func(w *harness, b *blocker) { w.Run = b.on("linux/arm64"); w.req.NoCache = true },
		"while an image is pushed":         func(w *harness, b *blocker) { w.Push = b.on("linux/arm/v7") },
		"while another try is waited for": func(w *harness, b *blocker) {
			w.req.Retry, w.req.RetryPause = 1, time.Hour
			w.Run = func(_ context.Context, p platform.Platform) error {
				b.once.Do(func() { close(b.here) })
				return failing(exits, "linux/arm64")(nil, p)
			}
		},
		"while an image is read back": func(w *harness, b *blocker) {
			w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Do: b.request})
		},
		"while the tag is written": func(w *harness, b *blocker) {
			w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Do: b.request})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, crossCompiles)
			if name == "while emulators are installed" || name == "while the node is probed" {
				w = newHarness(t, runsForTheTarget)
			}
			b := &blocker{here: make(chan struct{})}
			block(w, b)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			stop := errors.New("the user has pressed Ctrl-C")
			go func() {
				<-b.here
				cancel(stop)
			}()
			rep, err := Run(ctx, w.req, w.env, w.preflight)
			if !errors.Is(err, stop) {
				t.Errorf("got %v", err)
			}
			for _, tag := range rep.Tags {
				if tag.State == "moved" {
					t.Errorf("%+v", tag)
				}
			}
			w.faults.Clear()
			if got := w.tagged("app:v1"); got != "" {
				t.Errorf("the tag names %s", got)
			}
			leftNothing(t)
		})
	}
}

func TestABuildLeavesNothingBehind(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"when it succeeds": func(*harness) {},
		"when it fails":    func(w *harness) { w.Run = failing("exit code: 1", "linux/arm64") },
		"when nothing is read": func(w *harness) {
			w.Read = failing("no such file", "linux/amd64", "linux/arm64", "linux/arm/v7")
			w.preflight = func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			change(w)
			_, _ = w.run()
			leftNothing(t)
		})
	}
}

// deaf is a builder that never accepts a session, like one whose connection hangs.
type deaf struct{ *buildkittest.Builder }

func (deaf) Serve(ctx context.Context, run func(context.Context, session.Dialer) error) error {
	return run(ctx, func(ctx context.Context, _ string, _ map[string][]string) (net.Conn, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})
}

func TestABuilderThatNeverTakesTheContextSessionDoesNotHoldUpACancelledBuild(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.env.Nodes[0].Solver = deaf{w.Builder}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, w.req, w.env, w.preflight)
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the build hangs")
	}
}

func TestAContextThatCannotBeServedStopsTheBuildAndSaysWhy(t *testing.T) {
	w := newHarness(t, "FROM scratch\nCOPY a /a\n")
	w.env.Nodes[0].Solver = unserved{w.Builder}
	_, err := w.run()
	if err == nil || !strings.Contains(err.Error(), "cannot serve the build context: no session today") {
		t.Fatalf("got %v", err)
	}
}

// unserved is a builder that refuses the session of the context.
type unserved struct{ *buildkittest.Builder }

func (unserved) Serve(context.Context, func(context.Context, session.Dialer) error) error {
	return errors.New("no session today")
}
