package crosscompile

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

// Report is what became of a platform's steps that need not run under an emulator.
type Report struct {
	// Steps that ran on the node's own platform, in order.
	Steps []Step
	// Stages that would have been emulated, and what was decided about each.
	Stages []cross.Stage
	// Avoided is how many seconds of emulation the steps have saved, as far as earlier builds tell; 0 if they do not.
	Avoided float64
	// Back says why the platform was built again without any of it; "" if it was not.
	Back string
}

// Step is a step that ran on the node's own platform instead of under an emulator.
type Step struct {
	Recipe, Stage string
	// Text is the instruction, as in the Dockerfile.
	Text string
	File string
	Line int
	// Seconds that it ran; 0 if its result was in the cache.
	Seconds float64
}

// Steps are those that were moved and run programs, and how long they took.
func Steps(m cross.Moved, log *vertexlog.Log) (all []Step) {
	steps := m.Graph.ByDigest()
	for _, moved := range m.Steps {
		if step := steps[moved.Digest]; step.Kind == graph.Exec {
			all = append(all, Step{
				Recipe: moved.Recipe, Stage: step.Stage, Text: step.Instruction(), File: step.File, Line: step.Line,
				Seconds: log.Seconds(moved.Digest),
			})
		}
	}
	return all
}

// Avoided is how many seconds longer the steps took that were moved, when they last ran under an emulator. Those that did not run now, or of
// which nothing is known, count for nothing. scope is as in [timing.KeyOf].
func Avoided(m cross.Moved, log *vertexlog.Log, scope string, times timing.Times) (seconds float64) {
	before := m.From.Graph.ByDigest()
	for _, moved := range m.Steps {
		now := log.Seconds(moved.Digest)
		if then, known := times[timing.KeyOf(scope, before[moved.Was])]; known && now > 0 {
			seconds += then - now
		}
	}
	return max(0, seconds)
}
