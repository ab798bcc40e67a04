package solve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// failsAt returns a step that fails on each platform that has a status, with that status.
func failsAt(step string, status map[string]string) func(platform.Platform, string) error {
	return func(p platform.Platform, name string) error {
		if code := status[p.Architecture]; code != "" && strings.HasSuffix(name, step) {
			return errors.New("did not complete successfully: exit code: " + code)
		}
		return nil
	}
}

const compiles = "RUN CGO_ENABLED=0 go build -o /out/app ."

func TestAPlatformIsNotBuiltAgainWhereItsStepFailsWhereverItRuns(t *testing.T) {
	named := cross.Choice{Named: []cross.Named{{Recipe: "go"}}}
	for name, tt := range map[string]struct {
		platforms, step string
		status          map[string]string
		configPlatform  string
		choice          cross.Choice
		again           int
	}{
		"natively alike":           {"linux/amd64,linux/arm64", compiles, map[string]string{"amd64": "1", "arm64": "1"}, "", cross.Choice{Auto: true}, 0},
		"natively otherwise":       {"linux/amd64,linux/arm64", compiles, map[string]string{"amd64": "2", "arm64": "1"}, "", cross.Choice{Auto: true}, 1},
		"not natively":             {"linux/amd64,linux/arm64", compiles, map[string]string{"arm64": "1"}, "", cross.Choice{Auto: true}, 1},
		"a step that is shared":    {"linux/amd64,linux/arm64", "RUN go mod download", map[string]string{"amd64": "1", "arm64": "1"}, "", cross.Choice{Auto: true}, 0},
		"named, natively alike":    {"linux/amd64,linux/arm64", compiles, map[string]string{"amd64": "1", "arm64": "1"}, "", named, 0},
		"alone":                    {"linux/arm64", compiles, map[string]string{"arm64": "1"}, "no space left\n", cross.Choice{Auto: true}, 1},
		"a file that is not there": {"linux/arm64", "COPY hello .", map[string]string{"arm64": "1"}, "", cross.Choice{Auto: true}, 0},
		"the compiler's own words": {"linux/arm64", compiles, map[string]string{"arm64": "1"}, "# x\n./a/main.go:4:25: cannot use\n", cross.Choice{Auto: true}, 0},
		"those of vet":             {"linux/arm64", compiles, map[string]string{"arm64": "1"}, "# x\nvet: ./main.go:4:25: cannot use\n", cross.Choice{Auto: true}, 0},
		"the same, named":          {"linux/arm64", compiles, map[string]string{"arm64": "1"}, "./main.go:4:25: cannot use\n", named, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newGoHarness(t, compiling)
			w.platforms(tt.platforms)
			w.req.Cross, w.Step = tt.choice, failsAt(tt.step, tt.status)
			w.Says = func(platform.Platform, string) string { return tt.configPlatform }
			_, err := w.run()
			if err == nil || w.noted("built again under emulation") != tt.again {
				t.Errorf("%v, said %q", err, w.progress.notes)
			}
			if ran := w.ran("arm64"); tt.again == 0 && slices.ContainsFunc(ran, func(name string) bool { return strings.HasPrefix(name, "[build ") }) {
				t.Errorf("%q", ran)
			}
		})
	}
}

func TestASecondBuildEndsWhenTheNativeStepFailsAfterAll(t *testing.T) {
	w := newGoHarness(t, compiling)
	w.platforms("linux/amd64,linux/arm64")
	begun := make(chan struct{})
	step := failsAt(compiles, map[string]string{"amd64": "1", "arm64": "1"})
	w.Step = func(p platform.Platform, name string) error {
		if p.Architecture == "amd64" && strings.HasSuffix(name, compiles) {
			<-begun
		}
		return step(p, name)
	}
	var mu sync.Mutex
	runs := 0
	w.Run = func(ctx context.Context, p platform.Platform) error {
		mu.Lock()
		defer mu.Unlock()
		if runs++; p.Architecture != "arm64" || runs < 3 { // the first run of each platform, and later the second build
			return nil
		}
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}
	rep, err := w.run()
	if err == nil || w.noted("has failed on linux/amd64 as well") != 1 || !strings.Contains(err.Error(), "exit code: 1 (all 2 platforms)") {
		t.Errorf("%v, said %q", err, w.progress.notes)
	}
	if p := rep.Platforms[1]; p.Cross.Fallback != "" {
		t.Errorf("%+v", p.Cross)
	}
}
