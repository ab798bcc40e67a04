package solve

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
)

// namespaces returns the cache mount namespaces that each platform's steps were last read with, in canonical order.
func (w *harness) namespaces() (all []string) {
	for _, solves := range w.byPlatform() {
		runs := w.Readings(solves[0].Platform)
		all = append(all, runs[len(runs)-1].FrontendOpt[buildcache.MountNamespace])
	}
	return all
}

func TestCacheMountsAreIsolatedWhereAllRunOnTheirTargets(t *testing.T) {
	const target = "FROM alpine\nRUN --mount=type=cache,target=/c make\n"
	const builds = "FROM --platform=$BUILDPLATFORM alpine AS gen\nRUN --mount=type=cache,target=/c make\nFROM alpine\nCOPY --from=gen /x /\n"
	own := []string{"linux/amd64", "linux/arm/v7", "linux/arm64"}
	none := []string{"", "", ""}
	for name, test := range map[string]struct {
		dockerfile string
		change     func(*harness)
		want       []string
		readings   int // of each platform
		hint       bool
	}{
		"on their targets":              {target, func(*harness) {}, own, 2, false},
		"on the builder's own platform": {builds, func(*harness) {}, none, 1, true},
		"no cache mounts":               {"FROM alpine\nRUN make\n", func(*harness) {}, none, 1, false},
		"shared":                        {target, func(w *harness) { w.req.Cache.Mounts = buildcache.SharedMounts }, none, 1, false},
		"shared on the builder's":       {builds, func(w *harness) { w.req.Cache.Mounts = buildcache.SharedMounts }, none, 1, false},
		"isolated":                      {builds, func(w *harness) { w.req.Cache.Mounts = buildcache.IsolatedMounts }, own, 1, false},
		"the user's own namespace": {
			target, func(w *harness) { w.req.BuildArgs = map[string]string{"BUILDKIT_CACHE_MOUNT_NS": "mine"} }, []string{"mine", "mine", "mine"}, 1, false,
		},
		"isolated, but the user's own namespace": {target, func(w *harness) {
			w.req.Cache.Mounts, w.req.BuildArgs = buildcache.IsolatedMounts, map[string]string{"BUILDKIT_CACHE_MOUNT_NS": "mine"}
		}, []string{"mine", "mine", "mine"}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, test.dockerfile)
			test.change(w)
			w.mustRun()
			if diff := cmp.Diff(test.want, w.namespaces()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]int{test.readings, test.readings, test.readings}, w.readings()); diff != "" {
				t.Errorf("readings (-want +got):\n%s", diff)
			}
			if got := strings.Contains(strings.Join(w.progress.notes, "\n"), "share their cache mounts"); got != test.hint {
				t.Errorf("hint %v, want %v: %q", got, test.hint, w.progress.notes)
			}
		})
	}
}

func TestIsolatedMountsStayIsolatedUnderPins(t *testing.T) {
	w := newHarness(t, "FROM alpine\nADD https://example.com/data.bin /\nRUN --mount=type=cache,target=/c make\n")
	w.mustRun()
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v7", "linux/arm64"}, w.namespaces()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{2, 2, 2}, w.readings()); diff != "" { // one more reading covers both reasons
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}
