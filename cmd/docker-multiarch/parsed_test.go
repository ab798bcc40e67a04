package main

import (
	"context"
	"testing"

	"github.com/spf13/cobra"
)

// parsed runs `build` with the arguments up to its options.
func parsed(t *testing.T, args ...string) buildOptions {
	t.Helper()
	var got buildOptions
	root := &cobra.Command{Use: "docker-multiarch", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(newBuildCommand(&world{}, func(_ context.Context, _ *world, o buildOptions) error {
		got = o
		return nil
	}))
	root.SetArgs(append([]string{"build"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got
}
