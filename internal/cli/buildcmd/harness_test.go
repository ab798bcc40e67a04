package buildcmd

import (
	"context"
	"testing"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

// harness is a clitest.Harness for builds and plans.
type harness struct{ *clitest.Harness }

func newHarness(t *testing.T) *harness {
	t.Helper()
	return &harness{clitest.New(t, execute)}
}

// execute runs a program that has only the commands of this package.
func execute(ctx context.Context, w *cli.Env, args []string) int {
	root := w.Program(&cobra.Command{Use: "docker-multiarch", SilenceUsage: true, SilenceErrors: true, TraverseChildren: true}, New(w), NewPlan(w))
	root.SetArgs(args)
	return explain.Error(w.Err, w.Answered("", root.ExecuteContext(ctx)))
}

// linesOf returns notes as the user reads them.
func linesOf(notes []diag.Diagnostic) []string {
	lines := make([]string, len(notes))
	for i, n := range notes {
		lines[i] = n.Shown()
	}
	return lines
}
