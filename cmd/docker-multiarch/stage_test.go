package main

import (
	"context"
	"testing"
)

// stage is a stage for the whole program.
type stage struct{ *testStage }

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{newTestStage(t, execute)}
}

// execute runs the whole program.
func execute(ctx context.Context, w *world, args []string) int {
	root := newRoot(w, "docker-multiarch")
	root.SetArgs(args)
	return explain(w.err, w.answered("", root.ExecuteContext(ctx)))
}
