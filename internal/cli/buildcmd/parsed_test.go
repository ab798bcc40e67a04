package buildcmd

import (
	"context"
	"testing"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// parsed runs `build` with the arguments, and returns its options.
func parsed(t *testing.T, args ...string) buildOptions {
	t.Helper()
	var got buildOptions
	root := &cobra.Command{Use: "docker-multiarch", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(newBuildCommand(&cli.Env{}, func(_ context.Context, _ *cli.Env, o buildOptions) error {
		got = o
		return nil
	}))
	root.SetArgs(append([]string{"build"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got
}
