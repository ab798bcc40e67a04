package solve

import (
	"errors"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

func TestAFrontendWhoseGraphCannotBeReadBuildsAllTheSame(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"alone":                  func(*harness) {},
		"one platform at a time": func(w *harness) { w.req.Jobs = 1 },
		"with a cache": func(w *harness) {
			w.req.Cache.To = []buildcache.Entry{{Type: "registry", Attrs: map[string]string{"ref": w.host + "/cache"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, "FROM alpine\nRUN make\n")
			w.Unreadable = true
			w.req.Cross = cross.Choice{Auto: true}
			change(w)
			rep := w.mustRun()
			for _, p := range rep.Platforms[1:] { // these may run programs, as their graphs cannot be read
				if p.Mode != plan.Emulated {
					t.Errorf("%v: %s", p.Platform, p.Mode)
				}
			}
			said := 0
			for _, n := range w.progress.notes {
				if strings.Contains(n, "cannot be read") {
					said++
				}
			}
			if said != 1 {
				t.Errorf("said %d times in %q", said, w.progress.notes)
			}
		})
	}
}

func TestAGraphThatCannotBeReadMayFetchFromTheHostOnlyIfTheUserChoseItsNetwork(t *testing.T) {
	w := newHarness(t, "FROM alpine\nRUN make\n")
	w.Unreadable = true
	w.env.Nodes[0].OnHost = true
	_, err := w.run()
	if unread, ok := errors.AsType[*preflight.UnreadSourcesError](err); !ok || unread.Node != "default" {
		t.Errorf("got %v", err)
	}
	w.env.Nodes[0].HostChosen = true
	w.mustRun()
}
