package main

import (
	"context"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
)

// harness is a clitest.Harness for the whole program.
type harness struct{ *clitest.Harness }

func newHarness(t *testing.T) *harness {
	t.Helper()
	return &harness{clitest.New(t, execute)}
}

// execute runs the whole program.
func execute(ctx context.Context, w *cli.Env, args []string) int {
	root := newRoot(w, "docker-multiarch")
	root.SetArgs(args)
	return explain.Error(w.Err, w.Answered("", root.ExecuteContext(ctx)))
}
