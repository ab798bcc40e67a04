package main

import (
	"context"
	"testing"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
)

// bstage is a stage for builds and plans.
type bstage struct{ *clitest.Stage }

func newBStage(t *testing.T) *bstage {
	t.Helper()
	return &bstage{clitest.New(t, bexecute)}
}

// bexecute runs a program that has nothing but the commands of this package.
func bexecute(ctx context.Context, w *cli.Env, args []string) int {
	root := w.Program(&cobra.Command{Use: "docker-multiarch", SilenceUsage: true, SilenceErrors: true, TraverseChildren: true}, newBuild(w), newPlan(w))
	root.SetArgs(args)
	return explain.Error(w.Err, w.Answered("", root.ExecuteContext(ctx)))
}
