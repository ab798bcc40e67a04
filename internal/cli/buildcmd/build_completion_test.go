package buildcmd

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

func TestEveryFlagThatIsCompletedExists(t *testing.T) {
	build := newBuildCommand(&cli.Env{}, runBuild)
	for name := range buildCompletions(&cli.Env{}) {
		if build.Flags().Lookup(name) == nil {
			t.Errorf("there is no flag --%s", name)
		}
	}
}
