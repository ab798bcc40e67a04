package solve

import (
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/imagetest"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// task has the fixed inputs of a build: nothing in it changes.
type task struct {
	req     Request
	env     Env
	targets []platform.Platform // in canonical order
	files   *sink.StagedFiles
	testers map[*engine.Engine]*imagetest.Tester // nil if nothing is tested
}

// dispensable reports whether the result can do without the platform, which failed with err.
func (w task) dispensable(i int, err error) bool {
	return w.req.optional(w.targets[i]) && failure.IsPlatformFailure(err)
}
