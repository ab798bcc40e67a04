package crosscompile

import (
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/timing"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
)

// Report describes a platform's steps that need not run under an emulator.
type Report struct {
	// Steps are those that ran on the node's own platform, in order.
	Steps []Step
	// Stages are those that would have been emulated, each with its decision.
	Stages []cross.Stage
	// Avoided is the time of emulation in seconds that the steps have saved, as far as earlier builds show; 0 if they do not.
	Avoided float64
	// Back is why the platform was built again without relocated steps; "" if it was not.
	Fallback string
}

// Step is a step that ran on the node's own platform instead of under an emulator.
type Step struct {
	Recipe, Stage string
	// Text is the instruction in the Dockerfile.
	Text string
	File string
	Line int
	// Seconds is how long it ran; 0 if its result was in the cache.
	Seconds float64
}

// Steps returns the relocated steps that run programs, with their times.
func Steps(m cross.Relocated, log *vertexlog.Log) (all []Step) {
	steps := m.Graph.ByDigest()
	for _, relocated := range m.Steps {
		if step := steps[relocated.Digest]; step.Kind == graph.Exec {
			all = append(all, Step{
				Recipe: relocated.Recipe, Stage: step.Stage, Text: step.Instruction(), File: step.File, Line: step.Line,
				Seconds: log.Seconds(relocated.Digest),
			})
		}
	}
	return all
}

// Avoided returns how many seconds longer the relocated steps took when they last ran under an emulator. Steps that did not run now, or
// whose time is unknown, count as zero. scope is as in [timing.KeyOf].
func Avoided(m cross.Relocated, log *vertexlog.Log, scope string, times timing.Times) (seconds float64) {
	before := m.From.Graph.ByDigest()
	for _, relocated := range m.Steps {
		now := log.Seconds(relocated.Digest)
		if then, known := times[timing.KeyOf(scope, before[relocated.Original])]; known && now > 0 {
			seconds += then - now
		}
	}
	return max(0, seconds)
}
