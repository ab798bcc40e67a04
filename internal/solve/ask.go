package solve

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Answer is the frontend's answer about one platform's Dockerfile, given instead of a build. Values has BuildKit's names as keys
// (frontend/subrequests): result.json, result.txt, result.statuscode, version.
type Answer struct {
	Platform platform.Platform
	Values   map[string][]byte
}

// Ask sends the named question ("lint", "outline", "targets", "subrequests.describe", or one of the frontend's own) to the frontend of each
// platform. It returns the answers in the canonical order of the platforms. Nothing is built, and only the registries of the base images
// are contacted. An error is a [FailedError], or the cause of a cancelled ctx.
func Ask(ctx context.Context, req Request, env Env, question string) ([]Answer, error) {
	targets := req.targets(env.Nodes[0])
	progress, ended := untilEnd(env.Progress, targets)
	defer ended()
	env.Progress = progress

	asking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	jobs, stop, err := openJobs(asking, cancel, task{req: req, env: env, targets: targets})
	if err != nil {
		return nil, err
	}
	defer stop()
	answers := make([]Answer, len(targets))
	reports := make([]PlatformReport, len(targets))
	var solves sync.WaitGroup
	for i, target := range targets {
		answers[i].Platform, reports[i].Platform = target, target
		solves.Go(func() { answers[i].Values, reports[i].Err = jobs[i].ask(asking, question) })
	}
	solves.Wait()
	if err := context.Cause(asking); err != nil {
		return nil, err
	}
	return answers, failedError(reports)
}

func (j job) ask(ctx context.Context, question string) (values map[string][]byte, err error) {
	err = j.answered(ctx, func() {}, func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		res, err := j.question(ctx, gw, question)
		if err == nil {
			values = maps.Clone(res.Metadata) // the solve goes on to read its own
		}
		return res, err
	})
	if err == nil && question == LintQuestion {
		return lintFor(values, j.target, j.node.Native())
	}
	return values, err
}

// question sends the frontend a request other than a build.
func (j job) question(ctx context.Context, gw gateway.Client, question string) (*gateway.Result, error) {
	attrs := j.attrs()
	attrs["requestid"] = "frontend." + question
	needed := "moby.buildkit.frontend.subrequests+forward"
	if attrs["frontend.caps"] != "" {
		needed = attrs["frontend.caps"] + "," + needed
	}
	attrs["frontend.caps"] = needed
	return j.runFrontend(ctx, gw, attrs)
}

// LintQuestion is the frontend's name for its lint request.
const LintQuestion = "lint"

// lintFor returns the frontend's answer to LintQuestion without warnings that the frontend cannot judge. The frontend answers for the
// builder's own platform, whatever platform is asked for, but with the arguments of that platform. So it reports InvalidBaseImagePlatform
// for a base image that is right for the platform (frontend/dockerfile/builder of BuildKit sets no TargetPlatform there). A build compares
// its base images with its platforms itself.
func lintFor(values map[string][]byte, asked, own platform.Platform) (map[string][]byte, error) {
	if asked.OS == own.OS && asked.Architecture == own.Architecture {
		return values, nil
	}
	var results lint.LintResults
	if err := json.Unmarshal(values["result.json"], &results); err != nil {
		return values, nil //nolint:nilerr // the format is unknown; the reader of the answer reports it
	}
	said := len(results.Warnings)
	results.Warnings = slices.DeleteFunc(results.Warnings, func(w lint.Warning) bool {
		return w.RuleName == linter.RuleInvalidBaseImagePlatform.Name
	})
	if len(results.Warnings) == said {
		return values, nil
	}
	if len(results.Warnings) == 0 {
		results.Warnings = nil // null in JSON, as the frontend writes it
	}
	res, err := results.ToResult(nil)
	if err != nil {
		return nil, err
	}
	return res.Metadata, nil
}
