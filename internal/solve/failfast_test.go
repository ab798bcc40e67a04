package solve

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// stays returns a hook in which one platform fails and the others go on until they are stopped.
func stays(name string) func(context.Context, platform.Platform) error {
	return func(ctx context.Context, p platform.Platform) error {
		if platform.Format(p) == name {
			return errors.New("exit code: 1")
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestTheFirstFailureStopsTheOthersIfThatIsAskedFor(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"while others are read":    func(w *harness) { w.Read = stays("linux/arm64") },
		"while others run":         func(w *harness) { w.Run = stays("linux/arm64") },
		"while others are pushed":  func(w *harness) { w.Push = stays("linux/arm64") },
		"while the node is probed": func(w *harness) { w.Read = failing("exit code: 1", "linux/arm64"); w.env.Nodes[0].Probe = neverAnswers },
		"a turn at a time":         func(w *harness) { w.Read = stays("linux/arm64"); w.req.Jobs = 1 },
		"with steps that are held": func(w *harness) { w.Run = stays("linux/arm64"); w.req.NoCache = true },
		"with caches": func(w *harness) {
			w.Run = stays("linux/arm64")
			w.req.Cache.To = []buildcache.Entry{entry("type=local", "dest=d")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, crossCompiles)
			w.req.FailFast = true
			change(w)
			rep, err := w.run()
			var failed *FailedError
			if !errors.As(err, &failed) || err.Error() == "" || !cmp.Equal([]string{"linux/arm64"}, formattedReports(failed.Platforms)) {
				t.Fatalf("got %v", err)
			}
			for _, p := range rep.Platforms {
				var stop *failure.StoppedError
				if own := platform.Format(p.Platform) == "linux/arm64"; p.Err == nil || errors.As(p.Err, &stop) == own {
					t.Errorf("%s: %v", platform.Format(p.Platform), p.Err)
				}
			}
			if w.tagged("app:v1") != "" {
				t.Error("the tag was moved")
			}
			leftNothing(t)
		})
	}
}

func neverAnswers(ctx context.Context, _ ...platform.Platform) (status emulation.Status, err error) {
	<-ctx.Done()
	return status, context.Cause(ctx)
}

func TestAFailureThatTheBuildCanDoWithoutStopsNobody(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.req.FailFast = true
	w.partial("linux/arm64")
	w.Run = failing("exit code: 1", "linux/arm64")
	w.mustRun()
	if names, _ := w.indexed("app:v1"); !cmp.Equal([]string{"linux/amd64", "linux/arm/v7"}, names) {
		t.Errorf("%q", names)
	}
}

func formattedReports(ps []PlatformReport) (names []string) {
	for _, p := range ps {
		names = append(names, platform.Format(p.Platform))
	}
	return names
}
