//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// onBothEngines are the cases that are told on each engine; the others need one, since the engine has no part in them.
var onBothEngines = []string{"arg-with-default", "busybox-link", "base-of-one-platform", "loader-of-another-machine", "static", "multi-call", "deleted-later"}

// eachGateCase tells every case of testdata/gate/KIND, each beside others.
func eachGateCase(t *testing.T, kind string, tell func(*story, gateCase)) {
	t.Helper()
	t.Parallel()
	for _, c := range gateCases(t, kind) {
		for i, engine := range engineKinds {
			if i > 0 && !slices.Contains(onBothEngines, c.name) {
				continue
			}
			t.Run(c.name+"/"+engine.name, func(t *testing.T) {
				t.Parallel()
				tell(newStory(t, engine.variable), c)
			})
		}
	}
}

func TestWhatWouldNotRunIsRefusedBeforeATagMoves(t *testing.T) {
	eachGateCase(t, "wrong", func(s *story, c gateCase) {
		repo := s.repo()
		r := s.build(c.words(s, "--push", "-t", repo)...)
		s.equal("the status", r.code, c.status)
		s.equal("whether the tag is there", s.exists(repo, "latest"), false)
		for _, f := range c.findings {
			said := false
			for line := range strings.Lines(r.err) {
				said = said || strings.Contains(line, f.Platform) && strings.Contains(line, f.Path) && (f.Line == 0 || strings.Contains(line, fmt.Sprintf("Dockerfile:%d", f.Line)))
			}
			if !said {
				s.Errorf("no line tells of %s, line %d:\n%s", f.short(), f.Line, r.err)
			}
		}
	})
}

func TestWhatIsLawfulPasses(t *testing.T) {
	eachGateCase(t, "lawful", func(s *story, c gateCase) {
		repo := s.repo()
		r := s.mustBuild(c.words(s, "--push", "-t", repo, "--metadata-file", "meta")...)
		s.equal("whether the tag is there", s.exists(repo, "latest"), true)
		_ = r
	})
}
