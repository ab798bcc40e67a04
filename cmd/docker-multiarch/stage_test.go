package main

import (
	"context"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
)

// stage is a clitest.Stage for the whole program.
type stage struct{ *clitest.Stage }

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{clitest.New(t, execute)}
}

// execute runs the whole program.
func execute(ctx context.Context, w *cli.Env, args []string) int {
	root := newRoot(w, "docker-multiarch")
	root.SetArgs(args)
	return explain.Error(w.Err, w.Answered("", root.ExecuteContext(ctx)))
}
