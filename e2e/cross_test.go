//go:build e2e

package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// relocation is the entry of a plan and of metadata for a stage.
type relocation struct {
	Stage, Check, Recipe, Message string
	Moved                         bool
}

// relocations returns the verdicts of each platform in a metadata file.
func (s *story) relocations(name string) map[string][]relocation {
	s.Helper()
	var m struct {
		Multiarch struct {
			Platforms []struct {
				Platform string
				Cross    struct{ Stages []relocation }
			}
		}
	}
	s.check(json.Unmarshal([]byte(s.read(name)), &m))
	all := map[string][]relocation{}
	for _, p := range m.Multiarch.Platforms {
		all[p.Platform] = p.Cross.Stages
	}
	return all
}

// One builder has all emulated builds, and another all builds that may be relocated: on one builder a COPY --from of equal
// content would use the result of the other kind. One engine is enough: the test compares BuildKit's results.
func TestCrossCompiledImagesMatchEmulatedOnesBitForBit(t *testing.T) {
	t.Parallel()
	off, auto := newStory(t, "MULTIARCH_E2E_CONTAINERD"), newStory(t, "MULTIARCH_E2E_CONTAINERD")
	off.ownBuilder()
	auto.ownBuilder()
	for _, c := range crossCases(t) {
		if len(c.moved) == 0 {
			continue
		}
		for _, platform := range c.platforms {
			t.Run(c.name+" for "+platform, func(t *testing.T) {
				off, auto := off.in(t), auto.in(t)
				archive := filepath.Join(auto.dir, strings.ReplaceAll(c.name+platform, "/", "-")+".tar")
				want := c.emulated(off, platform, false)
				r := c.archived(auto, platform, archive, "--metadata-file", "meta")
				t.Logf("%s for %s, moved: %.1f s", c.name, platform, r.took.Seconds())
				moved := auto.relocations("meta")[platform]
				auto.equal("whether stages are moved", len(moved) > 0 && moved[0].Moved, true)
				arch := strings.TrimPrefix(platform, "linux/")
				for _, stage := range c.moved {
					auto.contains("the progress", r.err, "[linux/amd64->"+arch+" "+stage+" ")
				}
				if !auto.sameImage(archive, want) && !auto.sameImage(archive, c.emulated(off, platform, true)) {
					t.Error("the image differs from what emulation makes")
				}
				run := auto.docker(append([]string{"multiarch", "run", "--platform", platform, archive}, c.run...)...)
				auto.contains("what the image prints", run.out+run.err, c.prints+"\n")
			})
		}
	}
}

func TestStepsThatMayDifferOnAnotherCPUStayEmulatedAndAPlanSaysWhy(t *testing.T) {
	t.Parallel()
	s := newStory(t, "MULTIARCH_E2E_CLASSIC")
	for _, c := range crossCases(t) {
		if len(c.stays) == 0 {
			continue
		}
		for _, platform := range c.platforms {
			var plan struct {
				Stages []relocation
				Steps  []struct{ Stage, Recipe string }
			}
			r := s.plan(append([]string{"--format", "json"}, c.words(s, platform)...)...)
			s.check(json.Unmarshal([]byte(r.out), &plan))
			said := map[string]string{}
			for _, stage := range plan.Stages {
				said[stage.Stage] = stage.Check
			}
			for _, step := range plan.Steps {
				if step.Recipe != "" {
					said[step.Stage] = "moved"
				}
			}
			for _, stage := range c.moved {
				s.equal(c.name+" for "+platform+": "+stage, said[stage], "moved")
			}
			for _, want := range c.stays {
				s.equal(c.name+" for "+platform+": "+want[0], said[want[0]], want[1])
			}
		}
	}
}
