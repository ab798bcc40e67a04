package buildcmd

import (
	"strings"
	"testing"
)

func TestPlatformsOfAClusterNeedANodeInOne(t *testing.T) {
	s := newHarness(t)
	if code := s.Command("build", "--platform", "cluster,linux/amd64", "-o", "out", "."); code != 125 || !strings.Contains(s.Err.String(), `--platform: builder "default" has no node in a cluster`) {
		t.Errorf("status %d\n%s", code, s.Err.String())
	}
}
