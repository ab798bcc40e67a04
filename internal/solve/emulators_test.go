package solve

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestPlans(t *testing.T) {
	emulated := map[string]emulation.Mode{"arm64": emulation.Emulated}
	for name, tt := range map[string]struct {
		dockerfile, platforms string
		kernel                map[string]emulation.Mode
		want                  string
		probes                int
	}{
		"native and emulated": {
			runsForTheTarget, "linux/amd64,linux/arm64", emulated,
			"linux/amd64 on default: native\nlinux/arm64 on default: emulated\n", 1,
		},
		"a kernel that runs another architecture itself": {
			runsForTheTarget, "linux/386", map[string]emulation.Mode{"386": emulation.Native}, "linux/386 on default: native\n", 1,
		},
		"BuildKit's own emulators will do": {
			runsForTheTarget, "linux/arm64", map[string]emulation.Mode{"arm64": emulation.Builder}, "linux/arm64 on default: emulated (builder)\n", 1,
		},
		"nothing runs": {
			copiesOnly, "linux/amd64,linux/s390x", nil, "linux/amd64 on default: native\nlinux/s390x on default: cross\n", 0,
		},
		"only the compiler runs": {crossCompiles, "linux/s390x", nil, "linux/s390x on default: cross\n", 0},
		"the node's own platform is no question": {
			runsForTheTarget, "linux/amd64", nil, "linux/amd64 on default: native\n", 0,
		},
		"a stage for a platform that nobody asked for": {
			"FROM --platform=linux/arm64 alpine AS a\nRUN echo\nFROM alpine\nCOPY --from=a / /\nRUN echo\n", "linux/amd64", emulated,
			"linux/amd64 on default: emulated\n", 1,
		},
		"FROM scratch alone": {"FROM scratch\n", "linux/arm64", nil, "linux/arm64 on default: cross\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, tt.dockerfile)
			w.kernel = tt.kernel
			w.platforms(tt.platforms)
			w.mustRun()
			if diff := cmp.Diff([]string{tt.want}, w.progress.plans); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if w.probes != tt.probes || len(w.installed) != 0 {
				t.Errorf("%d probes, want %d; installed %q", w.probes, tt.probes, w.installed)
			}
		})
	}
}

func TestWhatIsMissingIsInstalledOnceAndNothingElse(t *testing.T) {
	w := newHarness(t, runsForTheTarget)
	w.platforms("linux/amd64,linux/arm64,linux/arm/v7,linux/s390x")
	w.kernel = map[string]emulation.Mode{"arm": emulation.Emulated}
	w.after = foreign
	w.mustRun()
	if diff := cmp.Diff([]string{"linux/arm64", "linux/s390x"}, w.installed); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	want := "linux/amd64 on default: native\nlinux/arm/v7 on default: emulated\nlinux/arm64 on default: emulated\nlinux/s390x on default: emulated\n"
	if diff := cmp.Diff([]string{want}, w.progress.plans); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestWhatCannotRunIsSaidBeforeAnythingIsDone(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		change     func(*harness)
		want       string
		wrong      []string // platforms
	}{
		"emulators are to be kept": {
			runsForTheTarget, func(w *harness) { w.req.KeepEmulators = true }, "node default cannot run programs for linux/arm/v7, linux/arm64",
			[]string{"linux/arm/v7", "linux/arm64"},
		},
		"installing fails": {runsForTheTarget, func(*harness) {}, "linux/arm64, and steps of the Dockerfile need that: the engine is rootless", nil},
		"installing does not help all": {
			runsForTheTarget, func(w *harness) { w.after = map[string]emulation.Mode{"arm64": emulation.Emulated} }, "for linux/arm/v7, and", []string{"linux/arm/v7"},
		},
		"a variant that the processor lacks": {
			runsForTheTarget, func(w *harness) { w.platforms("linux/amd64/v4"); w.after = foreign }, "linux/amd64/v4", []string{"linux/amd64/v4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, tt.dockerfile)
			w.kernel = nil
			tt.change(w)
			_, err := w.run()
			var cannot *preflight.CannotRunError
			if !errors.As(err, &cannot) {
				t.Fatalf("got %v", err)
			}
			contains(t, err.Error(), tt.want)
			if tt.wrong != nil && !cmp.Equal(tt.wrong, formatted(cannot.Platforms)) {
				t.Errorf("platforms %q, want %q", formatted(cannot.Platforms), tt.wrong)
			}
			w.untouched()
		})
	}
}

func TestAProbeThatFailsStopsTheBuildOnlyIfItsAnswerIsNeeded(t *testing.T) {
	broken := func(context.Context, ...platform.Platform) (emulation.Status, error) {
		return emulation.Status{}, errors.New("no shell")
	}
	w := newHarness(t, runsForTheTarget)
	w.env.Nodes[0].Probe = broken
	_, err := w.run()
	if err == nil || errors.As(err, new(*FailedError)) {
		t.Fatalf("got %v", err)
	}
	contains(t, err.Error(), "cannot find out what node default runs", "no shell")
	w.untouched()

	w = newHarness(t, copiesOnly)
	w.env.Nodes[0].Probe = broken
	w.mustRun()
}
