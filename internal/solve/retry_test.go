package solve

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// flaky returns a hook that fails a number of times for a platform.
func flaky(name string, times int, text string) buildkittest.Hook {
	var mu sync.Mutex
	return func(_ context.Context, p platform.Platform) error {
		mu.Lock()
		defer mu.Unlock()
		if platform.Format(p) != name || times == 0 {
			return nil
		}
		times--
		return errors.New(text)
	}
}

// flakyStep returns a hook that fails a number of times when the step with this suffix of its name runs, for one platform or for all ("").
func flakyStep(suffix, name string, times int) func(platform.Platform, string) error {
	var mu sync.Mutex
	return func(p platform.Platform, step string) error {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasSuffix(step, suffix) || name != "" && platform.Format(p) != name || times == 0 {
			return nil
		}
		times--
		return errors.New(exits)
	}
}

const (
	exits   = "process \"/bin/sh -c make\" did not complete successfully: exit code: 1"
	crashes = "process \"/bin/sh -c make\" did not complete successfully: exit code: 139"
)

func TestAPlatformIsTriedAgainWhereThatMayHelp(t *testing.T) {
	for name, tt := range map[string]struct {
		retry   int
		breaks  func(*harness)
		retries int // of linux/arm64
		fails   bool
	}{
		"a step that fails once":   {1, func(w *harness) { w.Run = flaky("linux/arm64", 1, exits) }, 1, false},
		"a step that fails twice":  {3, func(w *harness) { w.Run = flaky("linux/arm64", 2, exits) }, 2, false},
		"a step that always fails": {2, func(w *harness) { w.Run = failing(exits, "linux/arm64") }, 2, true},
		"without being asked for":  {0, func(w *harness) { w.Run = failing(exits, "linux/arm64") }, 0, true},
		"a registry that cannot be reached for a moment": {
			1, func(w *harness) { // it is read with the others, and alone
				w.Read = flaky("linux/arm64", 2, "failed to do request: dial tcp: i/o timeout")
			}, 1, false,
		},
		"a base image that is not there": {
			1, func(w *harness) { w.Read = failing("docker.io/library/nosuch: not found", "linux/arm64") }, 0, true,
		},
		"a mistake in the Dockerfile":             {1, func(w *harness) { w.Read = failing("dockerfile parse error on line 2", "linux/arm64") }, 0, true},
		"a push that breaks off":                  {1, func(w *harness) { w.Push = flaky("linux/arm64", 1, "failed to push app: 503 Service Unavailable") }, 1, false},
		"a push that is refused":                  {1, func(w *harness) { w.Push = failing("failed to push app: 403 Forbidden", "linux/arm64") }, 0, true},
		"a file that is not there":                {1, func(w *harness) { w.Run = failing("\"/bin-arm64\": not found", "linux/arm64") }, 0, true},
		"a program for another CPU":               {1, func(w *harness) { w.Run = failing("exec /bin/sh: exec format error", "linux/arm64") }, 0, true},
		"an emulator's crash":                     {0, func(w *harness) { w.Run = flaky("linux/arm64", 1, crashes) }, 1, false},
		"an emulator that always crashes":         {0, func(w *harness) { w.Run = failing(crashes, "linux/arm64") }, 1, true},
		"an emulator that crashes more than once": {2, func(w *harness) { w.Run = flaky("linux/arm64", 2, crashes) }, 2, false},
		"a crash without an emulator":             {0, func(w *harness) { w.Run = failing(crashes, "linux/amd64") }, 0, true},
		"nothing runs its programs":               {1, func(w *harness) { w.kernel = nil }, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, runsForTheTarget)
			w.req.Retry = tt.retry
			tt.breaks(w)
			rep, err := w.run()
			if (err != nil) != tt.fails || (w.tagged("app:v1") == "") != tt.fails {
				t.Errorf("the tag names %q: %v", w.tagged("app:v1"), err)
			}
			if got := rep.Platforms[2].Retries; got != tt.retries || len(w.progress.notes) != tt.retries {
				t.Errorf("tried again %d times, notes %q", got, w.progress.notes)
			}
			leftNothing(t)
		})
	}
}

func TestAnotherTryIsSaidWhenItBegins(t *testing.T) {
	for hook, want := range map[string]string{
		crashes: "linux/arm64: the emulator crashed; trying again (1 of 1): " + crashes,
		exits:   "linux/arm64: it failed; trying again (1 of 1): " + exits,
	} {
		w := newHarness(t, runsForTheTarget)
		w.req.Retry = 1
		w.Run = flaky("linux/arm64", 1, hook)
		w.mustRun()
		if diff := cmp.Diff([]string{want}, w.progress.notes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestAnotherTryFitsIntoEveryOrderOfWork(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"one after another":       func(w *harness) { w.req.Jobs = 1 },
		"steps that are held":     func(w *harness) { w.req.NoCache = true },
		"both":                    func(w *harness) { w.req.NoCache, w.req.Jobs = true, 1 },
		"a cache":                 func(w *harness) { w.req.Cache.To = []buildcache.Entry{entry("type=local", "dest=d")} },
		"a cache, in turns":       func(w *harness) { w.req.Cache.To, w.req.Jobs = []buildcache.Entry{entry("type=local", "dest=d")}, 1 },
		"the first to fail stops": func(w *harness) { w.req.FailFast = true },
		"attestations":            func(w *harness) { w.req.Attests = map[string]string{"provenance": "type=provenance"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, crossCompiles+"RUN strip\n")
			w.req.Retry = 2
			change(w)
			w.Step = flakyStep("RUN strip", "linux/arm64", 2)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			rep, err := Run(ctx, w.req, w.env, w.preflight)
			if err != nil || rep.Platforms[2].Retries != 2 {
				t.Fatalf("%v: %+v", err, rep.Platforms)
			}
			for _, o := range w.Others() {
				if len(o.Opt.CacheExports) > 0 && (len(o.Ran)+len(o.Lost) > 0 || len(o.Exported) != 3) {
					t.Errorf("the cache of %q was made by running %q, lost is %q", o.Exported, o.Ran, o.Lost)
				}
			}
			leftNothing(t)
		})
	}
}

func TestAStepThatSeveralPlatformsShareAndThatFailsIsTriedAgain(t *testing.T) {
	w := newHarness(t, crossCompiles)
	w.req.Retry, w.req.RetryPause = 20, 20*time.Millisecond
	w.Step = flakyStep("RUN echo generate", "", 1)
	w.mustRun()
	if n := w.Ran("RUN echo generate"); n != 2 {
		t.Errorf("it ran %d times", n)
	}
}

func TestAPlatformThatIsReadAtTheSecondTryIsPlannedLikeTheOthers(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.req.Retry = 1
	w.kernel, w.after = nil, foreign
	w.Read = flaky("linux/arm64", 2, "failed to do request: dial tcp: i/o timeout") // with the others, and alone
	w.mustRun()
	want := "linux/amd64 on default: native\nlinux/arm/v7 on default: emulated\nlinux/arm64 on default: emulated\n"
	if diff := cmp.Diff([]string{want}, w.progress.plans); diff != "" || !cmp.Equal([]string{"linux/arm/v7", "linux/arm64"}, w.installed) {
		t.Errorf("installed %q; plan (-want +got):\n%s", w.installed, diff)
	}
}

func TestAnotherTryHasTheSameBases(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.req.Retry = 1
	var mu sync.Mutex
	moved := false
	w.Digest = func(name string, _ platform.Platform) digest.Digest {
		mu.Lock()
		defer mu.Unlock()
		return digest.FromString(fmt.Sprint(name, moved))
	}
	fails := flaky("linux/arm64", 1, exits)
	w.Run = func(ctx context.Context, p platform.Platform) error {
		err := fails(ctx, p)
		mu.Lock()
		defer mu.Unlock()
		moved = moved || err != nil
		return err
	}
	w.mustRun()
	bases := map[string]bool{}
	for _, s := range w.Solves() {
		for _, source := range s.Sources {
			bases[source] = true
		}
	}
	if !moved || len(bases) != 1 {
		t.Errorf("bases %v", bases)
	}
}

func TestFilesOfATryThatFailedAreNotInTheResult(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Retry = 1
	dir := t.TempDir()
	w.req.Outputs.List = []sink.Output{sink.Files{Dest: filepath.Join(dir, "files")}}
	w.Push = flaky("linux/arm64", 1, "it broke off")
	rep := w.mustRun()
	if got := testkit.Tree(t, filepath.Join(dir, "files")); got["linux_arm64/hello"] != "linux/arm64" || len(got) != 3 || rep.Platforms[2].Retries != 1 {
		t.Errorf("files %v, %+v", got, rep.Platforms[2])
	}
}

func TestWhatIsPartlyInAnArchiveIsNotTriedAgain(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Retry = 1
	w.req.Outputs.List = []sink.Output{sink.Files{Tar: true, Dest: filepath.Join(t.TempDir(), "files.tar")}}
	w.Push = failing("it broke off", "linux/arm64")
	rep, err := w.run()
	if err == nil || rep.Platforms[2].Retries != 0 {
		t.Errorf("%v, %+v", err, rep.Platforms[2])
	}
	contains(t, err.Error(), "it broke off")
}

func TestAPlatformThatMayBeMissingIsTriedAgainAlsoIfItsFilesWereSent(t *testing.T) {
	w := newHarness(t, copiesOnly)
	w.req.Retry = 1
	w.partial("linux/arm64")
	dir := t.TempDir()
	stdout := w.everyOutput(dir)
	w.Push = flaky("linux/arm64", 1, "it broke off")
	rep := w.mustRun()
	want := []string{
		"linux_amd64/=", "linux_amd64/hello=linux/amd64", "linux_arm_v7/=", "linux_arm_v7/hello=linux/arm/v7", "linux_arm64/=", "linux_arm64/hello=linux/arm64",
	}
	if diff := cmp.Diff(want, unpacked(t, stdout)); diff != "" || rep.Platforms[2].Retries != 1 {
		t.Errorf("%+v, (-want +got):\n%s", rep.Platforms[2], diff)
	}
}
