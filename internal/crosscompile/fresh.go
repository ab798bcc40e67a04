package crosscompile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/kept"
	"github.com/docker-multiarch/docker-multiarch/internal/vertexlog"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Check compares what others take from moved stages with what their recipes promise. It is called in the gateway call of the solve, when the
// steps have run; log has the solve's messages. What is found to be wrong is remembered in the folder; "" remembers nothing. An error that is
// no [WrongOutputError] is ctx's.
func Check(ctx context.Context, gw gateway.Client, m cross.Moved, log *vertexlog.Log, folder string) error {
	if len(m.Tips) == 0 {
		return nil
	}
	broken := brokenIn(folder)
	tips := m.Tips
	if log.CatchUp(ctx, gw) == nil {
		tips = fresh(m, log, broken)
	}
	for _, tip := range tips {
		if err := checkTip(ctx, gw, tip, m.From.Target); err != nil {
			if wrong, ok := errors.AsType[*WrongOutputError](err); ok && wrong.Wanted != "" {
				broken.add(tip)
			}
			return err
		}
	}
	return nil
}

// fresh are the tips of which something ran in the log's solves: the tip, or a step that takes from it. What came from a cache was looked at by
// the build that made it; to look again, a tip might have to be made again, or fetched with its whole base image, for nothing. Those that were
// found to break a promise are always looked at, since what was made of them meanwhile is in the cache as well. Where the log does not say
// that the last step has ended, all are.
func fresh(m cross.Moved, log *vertexlog.Log, broken brokenTips) []cross.Tip {
	steps := m.Graph.Steps
	if len(steps) == 0 || !log.Ended(steps[len(steps)-1].Digest) {
		return m.Tips
	}
	return slices.DeleteFunc(slices.Clone(m.Tips), func(tip cross.Tip) bool {
		takes := func(step graph.Step) bool { return slices.Contains(step.Inputs, tip.Digest) && log.Ran(step.Digest) }
		return !log.Ran(tip.Digest) && !slices.ContainsFunc(steps, takes) && !broken.has(tip)
	})
}

// brokenTips remembers tips that broke the promise of their recipe.
type brokenTips struct{ kept.Folder }

func brokenIn(folder string) brokenTips {
	return brokenTips{kept.Folder{Dir: folder, Suffix: ".broken", Max: 1000, Each: 1}}
}

func (b brokenTips) has(tip cross.Tip) bool { return b.Get(tipName(tip)) != nil }

func (b brokenTips) add(tip cross.Tip) { b.Put(tipName(tip), []byte{1}) }

// tipName is of what is run and on which images, not of the files that are sent: those have other digests in each build.
func tipName(tip cross.Tip) string {
	var words []any
	if g, err := graph.Read(tip.Definition); err == nil {
		for _, step := range g.Steps {
			if _, ok := step.Image(); ok || step.Kind == graph.Exec {
				words = append(words, step.Source, step.Args, step.Env, step.Cwd, platform.Format(step.Platform))
			}
		}
	}
	text, _ := json.Marshal(words) //nolint:errchkjson // texts
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
