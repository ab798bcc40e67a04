package crosscompile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Check compares the outputs of relocated stages with the promises of their recipes. It is called in the gateway call of the solve, when
// the steps have run; log has the solve's messages. Broken promises are recorded in the folder; "" records nothing. An error that is no
// [WrongOutputError] is ctx's.
func Check(ctx context.Context, gw gateway.Client, m cross.Relocated, log *vertexlog.Log, folder string) error {
	if len(m.Outputs) == 0 {
		return nil
	}
	broken := brokenIn(folder)
	outputs := m.Outputs
	if log.CatchUp(ctx, gw) == nil {
		outputs = unchecked(m, log, broken)
	}
	for _, output := range outputs {
		if err := checkOutput(ctx, gw, output, m.From.Target); err != nil {
			if wrong, ok := errors.AsType[*WrongOutputError](err); ok && wrong.Wanted != "" {
				broken.add(output)
			}
			return err
		}
	}
	return nil
}

// unchecked returns the outputs of which something ran in the log's solves: the step that makes the output, or a step that takes it. Cached
// outputs were checked by the build that produced them. Checking them again could force a rebuild of an output, or a pull of its whole base
// image. Outputs that broke a promise are always checked, since the cache also has the results that were made from them. If the log does
// not have the end of the last step, all outputs are returned.
func unchecked(m cross.Relocated, log *vertexlog.Log, broken brokenOutputs) []cross.Output {
	steps := m.Graph.Steps
	if len(steps) == 0 || !log.Ended(steps[len(steps)-1].Digest) {
		return m.Outputs
	}
	return slices.DeleteFunc(slices.Clone(m.Outputs), func(output cross.Output) bool {
		takes := func(step graph.Step) bool { return slices.Contains(step.Inputs, output.Digest) && log.Ran(step.Digest) }
		return !log.Ran(output.Digest) && !slices.ContainsFunc(steps, takes) && !broken.has(output)
	})
}

// brokenOutputs records outputs that broke the promise of their recipe.
type brokenOutputs struct{ cachedir.Folder }

func brokenIn(folder string) brokenOutputs {
	return brokenOutputs{cachedir.Folder{Dir: folder, Suffix: ".broken", Max: 1000, MaxFile: 1}}
}

func (b brokenOutputs) has(output cross.Output) bool { return b.Get(outputName(output)) != nil }

func (b brokenOutputs) add(output cross.Output) { b.Put(outputName(output), []byte{1}) }

// outputName identifies an output by its commands and base images, and not by the files of the context: those have other digests in each
// build.
func outputName(output cross.Output) string {
	var words []any
	if g, err := graph.Read(output.Definition); err == nil {
		for _, step := range g.Steps {
			if _, ok := step.Image(); ok || step.Kind == graph.Exec {
				words = append(words, step.Source, step.Args, step.Env, step.Cwd, platform.Format(step.Platform))
			}
		}
	}
	text, _ := json.Marshal(words) //nolint:errchkjson // strings only
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
