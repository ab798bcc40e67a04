package solve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// testing gives the harness an engine that pulls existing images and whose containers run this process, and the request these tests.
func (w *harness) testing(process enginetest.Process, tests ...smoke.Test) *enginetest.Engine {
	w.t.Helper()
	fake := &enginetest.Engine{
		Info:    system.Info{OSType: "linux", Architecture: "x86_64", NCPU: 2, DriverStatus: [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}},
		Store:   enginetest.Store{Containerd: true},
		Process: process,
	}
	fake.Pull = func(ref string) error {
		_, digest, _ := strings.Cut(ref, ":sha256:")
		fake.Have(ref, "sha256:"+digest)
		return nil
	}
	w.env.Engine = engine.New(fake.Start(w.t))
	w.env.Nodes[0].Engine = w.env.Engine
	w.req.Tests = tests
	return fake
}

func passes(*enginetest.Container, []string, io.Reader, io.Writer, io.Writer) int { return 0 }

func TestTagsMoveAfterTheTestsAndTheReportHasThem(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	arm64 := platform.Platform{OS: "linux", Architecture: "arm64"}
	fake := w.testing(func(c *enginetest.Container, cmd []string, _ io.Reader, stdout, _ io.Writer) int {
		fmt.Fprintf(stdout, "%s of %s\n", cmd, c.Config.Image)
		if w.tagged("app:v1") != "" {
			return 1 // too early
		}
		return 0
	}, smoke.Test{Name: "all", Command: []string{"app"}}, smoke.Test{Name: "one", Platforms: []platform.Platform{arm64}, Command: []string{"arm"}})
	rep := w.mustRun()
	if w.tagged("app:v1") != rep.Target.Digest.String() {
		t.Error("the tag has not moved")
	}
	var got []string
	for _, p := range rep.Platforms {
		for _, o := range p.Tests {
			got = append(got, fmt.Sprintf("%s %s %s %t", platform.Format(p.Platform), platform.Format(o.Platform), o.Test, o.Passed))
		}
	}
	want := []string{"linux/amd64 linux/amd64 all true", "linux/arm/v7 linux/arm/v7 all true", "linux/arm64 linux/arm64 all true", "linux/arm64 linux/arm64 one true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(fake.Has()) != 0 || len(fake.Containers()) != 0 {
		t.Errorf("the engine still has %v and %d containers", fake.Has(), len(fake.Containers()))
	}
}

func TestATestThatFailsIsThePlatformsErrorAndNoTagMoves(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	fake := w.testing(func(_ *enginetest.Container, cmd []string, _ io.Reader, _, _ io.Writer) int { return len(cmd) },
		smoke.Test{Name: "good", Command: []string{}, Exit: 0}, smoke.Test{Name: "bad", Command: []string{"x", "y"}, Platforms: w.req.Platforms[1:2]})
	rep, err := w.run()
	failed, ok := errors.AsType[*smoke.FailedError](err)
	if !ok || len(failed.Failed) != 1 || err.Error() != `linux/arm64: test "bad": exit status 2, expected 0` {
		t.Errorf("%v", err)
	}
	if w.tagged("app:v1") != "" || len(fake.Has()) != 0 {
		t.Errorf("the tag names %q, the engine has %v", w.tagged("app:v1"), fake.Has())
	}
	if last := rep.Platforms[2]; last.Err == nil || len(last.Tests) != 2 || rep.Platforms[0].Err != nil {
		t.Errorf("%+v", rep.Platforms)
	}
}

func TestWhatTestsNeedIsInstalledAtTheBarrierThoughNothingRunsInTheBuild(t *testing.T) {
	for name, kernel := range map[string]map[string]emulation.Mode{
		"no emulator":             {},
		"only BuildKit's own one": {"arm64": emulation.Builder},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.platforms("linux/amd64,linux/arm64")
			w.kernel, w.after = kernel, foreign
			w.testing(passes, smoke.Test{Name: "x"})
			w.mustRun()
			if diff := cmp.Diff([]string{"linux/arm64"}, w.installed); diff != "" {
				t.Errorf("installed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEngineThatCannotRunATestedPlatformIsSaidBeforeAnythingIsBuilt(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.kernel, w.req.KeepEmulators = nil, true
	w.testing(passes, smoke.Test{Name: "x", Platforms: w.req.Platforms[1:2]})
	_, err := w.run()
	cannot, ok := errors.AsType[*preflight.CannotRunError](err)
	if !ok || !cannot.Tests || fmt.Sprint(formatted(cannot.Platforms)) != "[linux/arm64]" {
		t.Errorf("%v", err)
	}
	contains(t, fmt.Sprint(err), "cannot run programs for linux/arm64, and tests need that")
	w.untouched()
}

func TestAFailedTestsLastLinesAreShownWhenItsOutputWasClipped(t *testing.T) {
	w := newHarness(t, copiesOnly)
	const mostShown = 256 << 10 // of a test's output
	w.platforms("linux/amd64")
	w.testing(func(_ *enginetest.Container, _ []string, _ io.Reader, stdout, _ io.Writer) int {
		for range mostShown / 8 {
			fmt.Fprintln(stdout, "so many lines")
		}
		fmt.Fprintln(stdout, "the last words")
		return 1
	}, smoke.Test{Name: "x"})
	if _, err := w.run(); err == nil {
		t.Fatal("it has passed")
	}
	step := imagetest.Step(w.req.Platforms[0], "x")
	var log strings.Builder
	for _, l := range w.progress.logs {
		if l.Vertex == step {
			log.Write(l.Data)
		}
	}
	if text := log.String(); len(text) > 2*mostShown || !strings.HasSuffix(text, "the last words\n") || !strings.Contains(text, "[output clipped") {
		t.Errorf("%d bytes, at the end %q", len(text), text[max(0, len(text)-50):])
	}
}

// pods is a place of tests that needs no engine. It has what it was asked for.
type pods struct {
	mu     sync.Mutex
	images []string
	closed bool
	run    func(smoke.Job) smoke.ProgramResult
}

func (p *pods) open(_ context.Context, tests []smoke.Test, note diag.Notes) (imagetest.Place, error) {
	note.Say(fmt.Sprintf("%d tests in pods", len(tests)))
	return p, nil
}

func (p *pods) Provide(_ context.Context, img imagetest.Image) (smoke.Place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.images = append(p.images, platform.Format(img.Platform)+" "+img.Pull.Name())
	return smoke.Place{Name: "the cluster", Run: func(_ context.Context, j smoke.Job) (smoke.ProgramResult, error) { return p.run(j), nil }}, nil
}

func (p *pods) Close(context.Context) error {
	p.closed = true
	return nil
}

// withoutEngine gives the harness an engine that does not answer, and a cluster for the tests.
func (w *harness) withoutEngine(run func(smoke.Job) smoke.ProgramResult, tests ...smoke.Test) *pods {
	w.t.Helper()
	api, err := client.New(client.WithHost("unix://" + filepath.Join(w.t.TempDir(), "nobody")))
	if err != nil {
		w.t.Fatal(err)
	}
	p := &pods{run: run}
	w.env.Engine, w.env.Nodes[0].Cluster, w.req.Tests = engine.New(api), p.open, tests
	return p
}

func TestWithoutAnEngineTheTestsRunInTheCluster(t *testing.T) {
	for name, passes := range map[string]bool{"they pass": true, "one fails": false} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesOnly)
			w.platforms("linux/amd64,linux/arm64")
			p := w.withoutEngine(func(j smoke.Job) smoke.ProgramResult {
				fmt.Fprintln(j.Stdout, "said on standard error")
				return smoke.ProgramResult{Merged: true, Exit: len(j.Test.Command)}
			}, smoke.Test{Name: "said", Stderr: smoke.Expectation{Contains: []string{"said"}}})
			if !passes {
				w.req.Tests = append(w.req.Tests, smoke.Test{Name: "bad", Command: []string{"x"}, Platforms: w.req.Platforms[1:2]})
			}
			rep, err := w.run()
			if passes && (err != nil || w.tagged("app:v1") != rep.Target.Digest.String()) {
				t.Errorf("%v, the tag names %q", err, w.tagged("app:v1"))
			}
			if !passes && (w.tagged("app:v1") != "" || err == nil || err.Error() != `linux/arm64: test "bad": exit status 1, expected 0`) {
				t.Errorf("%v, the tag names %q", err, w.tagged("app:v1"))
			}
			slices.Sort(p.images)
			repo := w.req.Repositories()[0].Name()
			if diff := cmp.Diff([]string{"linux/amd64 " + repo, "linux/arm64 " + repo}, p.images); diff != "" || !p.closed {
				t.Errorf("closed: %t; (-want +got):\n%s", p.closed, diff)
			}
		})
	}
}

func TestAnEngineThatAnswersRunsTheTestsOfANodeInACluster(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.platforms("linux/amd64")
	w.testing(passes, smoke.Test{Name: "x"})
	p := &pods{}
	w.env.Nodes[0].Engine, w.env.Nodes[0].Cluster = nil, p.open
	w.mustRun()
	if len(p.images) > 0 {
		t.Errorf("the cluster got %q", p.images)
	}
}

func TestTestsInAClusterNeedAPush(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.withoutEngine(nil, smoke.Test{Name: "x"})
	w.req.Tags, w.req.Outputs.Image = nil, true
	if _, err := w.run(); !errors.Is(err, ErrTestsNeedPush) {
		t.Errorf("%v", err)
	}
	w.untouched()
}
