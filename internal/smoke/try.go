package smoke

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Place is where the programs of an image run, such as an engine that has the image.
type Place struct {
	Name string // for messages: "the engine"
	// Run runs a program and waits for it. The errors that are explained: [*TimeoutError], [*engine.StartError].
	Run func(context.Context, Job) (ProgramResult, error)
}

// Try runs a test, and compares. An error is an outcome, too. The outcome has no platform yet.
func (p Place) Try(ctx context.Context, j Job) Outcome {
	stdout, stderr := &capture{}, &capture{}
	end := &tail{}
	out := Outcome{Test: j.Test.Name, Exit: notEnded}
	j.Stdout, j.Stderr = io.MultiWriter(stdout, end, j.Stdout), io.MultiWriter(stderr, end, j.Stderr)
	ran, err := p.Run(ctx, j)
	out.Seconds, out.Output = math.Round(ran.Seconds*1000)/1000, end.String()
	if err != nil {
		out.Reason = p.explain(err)
		return out
	}
	out.Exit = ran.Exit
	out.Reason = j.Test.mismatch(ran, stdout, stderr)
	out.Passed = out.Reason == ""
	return out
}

// notEnded is the status of a program that did not end by itself.
const notEnded = -1

// Explain explains, without internals of the engine, why a program could not be run or was ended.
func Explain(err error) string { return Place{Name: engineName}.explain(err) }

func (p Place) explain(err error) string {
	if late, ok := errors.AsType[*TimeoutError](err); ok {
		return late.Error()
	}
	start, ok := errors.AsType[*engine.StartError](err)
	if !ok {
		return p.Name + " could not run it: " + err.Error()
	}
	text := strings.TrimPrefix(start.Error(), "Error response from daemon: ")
	for _, words := range []string{"unable to start container process: ", "error during container init: "} { // of runc
		if _, rest, ok := strings.Cut(text, words); ok {
			text = rest
		}
	}
	return p.Name + " could not start it: " + strings.TrimSuffix(text, ": unknown")
}
