package solve

import (
	"encoding/json"
	"slices"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/subrequests/lint"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// LintQuestion is the frontend's name for what its rules say.
const LintQuestion = "lint"

// lintFor is the frontend's answer to LintQuestion without what it cannot know. It answers for the builder's own platform, whatever platform
// it is asked for, but with the arguments of that platform: it calls a base image that is right for the platform InvalidBaseImagePlatform
// (frontend/dockerfile/builder of BuildKit sets no TargetPlatform there). A build compares its bases with its platforms by itself.
func lintFor(values map[string][]byte, asked, own platform.Platform) (map[string][]byte, error) {
	if asked.OS == own.OS && asked.Architecture == own.Architecture {
		return values, nil
	}
	var results lint.LintResults
	if err := json.Unmarshal(values["result.json"], &results); err != nil {
		return values, nil //nolint:nilerr // it is of another form, and whoever reads it says so
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
