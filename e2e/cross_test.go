//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// One builder has all emulated builds, and another all that may be moved: on one builder a COPY --from of equal content would be taken from
// what the other way has made. One engine does: what is compared is BuildKit's.
func TestWhatIsCrossCompiledIsWhatEmulationMakesBitForBit(t *testing.T) {
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
				r := c.archived(auto, platform, archive)
				t.Logf("%s for %s, moved: %.1f s", c.name, platform, r.took.Seconds())
				arch := strings.TrimPrefix(platform, "linux/")
				for _, stage := range c.moved {
					auto.contains("the progress", r.err, "[linux/amd64->"+arch+" "+stage+" ")
				}
				if !auto.sameImage(archive, want) && !auto.sameImage(archive, c.emulated(off, platform, true)) {
					t.Error("the image differs from what emulation makes")
				}
				run := auto.docker("multiarch", "run", "--platform", platform, archive)
				auto.equal("what the image prints", strings.TrimSpace(run.out+run.err), c.prints)
			})
		}
	}
}
