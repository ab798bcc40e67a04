package buildkitmsg

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// CacheImport returns the cache that a vertex imports, in BuildKit's spelling: a reference, or "TYPE:HASH". ok is false for other vertices
// (solver/llbsolver/bridge.go).
func CacheImport(vertex string) (cache string, ok bool) {
	return strings.CutPrefix(vertex, "importing cache manifest from ")
}

// IsExport reports whether a vertex exports a result or a cache: "exporting to image" (exporter/containerimage/export.go and its siblings),
// "exporting cache to registry" (cache/remotecache/registry/registry.go and its siblings).
func IsExport(vertex string) bool { return strings.HasPrefix(vertex, "exporting ") }

// IsResultExport reports whether a vertex exports a result: "exporting to image" (exporter/containerimage/export.go and its siblings).
func IsResultExport(vertex string) bool { return strings.HasPrefix(vertex, "exporting to ") }

// IsInputLoad reports whether a vertex loads an input that does not depend on the platform: the Dockerfile, its ignore file, the context
// (frontend/dockerui/config.go).
func IsInputLoad(vertex string) bool {
	return strings.HasPrefix(vertex, "[internal] load build definition") || strings.HasPrefix(vertex, "[internal] load .dockerignore") ||
		strings.HasPrefix(vertex, "[internal] load build context")
}

// IsInternal reports whether a vertex is the frontend's own work, and no step of a Dockerfile: "[internal] load metadata for X"
// (frontend/dockerfile/dockerfile2llb/convert.go).
func IsInternal(vertex string) bool { return strings.HasPrefix(vertex, "[internal] ") }

// SplitStep splits a vertex's name that the Dockerfile frontend made into the text in brackets, which ends with a counter such as 2/4, and
// the instruction: "[build 2/4] RUN make", "[linux/arm64 build 2/4] …", "[linux/amd64->arm64 build  2/12] …". For any other name ok is
// false, and prefix and instruction are "" (prefixCommand in frontend/dockerfile/dockerfile2llb/convert.go).
func SplitStep(vertex string) (prefix, instruction string, ok bool) {
	prefix, instruction, ok = strings.Cut(vertex, "] ")
	words := strings.Fields(strings.TrimPrefix(prefix, "["))
	if !ok || !strings.HasPrefix(prefix, "[") || len(words) == 0 || !isCounter(words[len(words)-1]) {
		return "", "", false
	}
	return prefix[1:], instruction, true
}

// TrimPlatform returns a vertex's name as the Dockerfile frontend gives it for one platform, and the platform that it puts before it for
// several: "[build 2/4] RUN make" and "linux/amd64->arm64" for "[linux/amd64->arm64 build 2/4] RUN make", "[internal] load metadata for X"
// and "linux/arm64" for "[linux/arm64 internal] load metadata for X". A name without a platform is returned as it is (prefixCommand in
// frontend/dockerfile/dockerfile2llb/convert.go).
func TrimPlatform(vertex string) (name, platform string) {
	word, rest, ok := strings.Cut(vertex, " ")
	platform, bracket := strings.CutPrefix(word, "[")
	if !ok || !bracket || !strings.Contains(platform, "/") || strings.Contains(platform, "]") {
		return vertex, ""
	}
	return "[" + rest, platform
}

// Stage returns the name of the stage in the name of a step's vertex; "" if it has none, as in "[2/4] …" for a Dockerfile of one stage. A
// platform has a slash and a stage's name has none (parseBuildStageName in frontend/dockerfile/instructions/parse.go).
func Stage(vertex string) string {
	prefix, _, _ := SplitStep(vertex)
	words := strings.Fields(prefix)
	if len(words) < 2 {
		return ""
	}
	stage := words[len(words)-2]
	if strings.Contains(stage, "/") {
		return ""
	}
	return stage
}

// isCounter reports whether word is like 2/4.
func isCounter(word string) bool {
	i, n, ok := strings.Cut(word, "/")
	return ok && isNumber(i) && isNumber(n)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

var stepPrefix = lazyregexp.New(`^\[[^\]]*\] `)

// TrimStep returns a vertex's name without the text in brackets that the Dockerfile frontend puts before the instruction (prefixCommand in
// frontend/dockerfile/dockerfile2llb/convert.go).
func TrimStep(vertex string) string { return stepPrefix().ReplaceAllString(vertex, "") }

var pinned = lazyregexp.New(`@sha256:[0-9a-f]{64}`)

// TrimDigests returns a vertex's name without the digests of images. The Dockerfile frontend adds that of the base image to "FROM IMAGE"
// (frontend/dockerfile/dockerfile2llb/convert.go).
func TrimDigests(vertex string) string { return pinned().ReplaceAllString(vertex, "") }

// Warning returns a warning of BuildKit as a diagnostic. Its check is the rule, if the text is about a line of a Dockerfile:
// "Rule: message (line 3)" (LintFormatShort in frontend/dockerfile/linter/linter.go).
func Warning(w *client.VertexWarning) diag.Diagnostic {
	d := diag.Diagnostic{Severity: diag.Warning, Message: string(w.Short), File: w.SourceInfo.GetFilename(), URL: w.URL}
	if len(w.Range) == 0 {
		return d
	}
	d.Line = int(w.Range[0].GetStart().GetLine())
	text, ok := strings.CutSuffix(d.Message, fmt.Sprintf(" (line %d)", d.Line))
	if rule, message, found := strings.Cut(text, ": "); ok && found {
		d.Check, d.Message = rule, message
	}
	return d
}

// PushesManifest returns the repository of a status with which BuildKit begins to push a manifest. The layers are in that repository then
// (util/push/push.go). ok is false for other statuses.
func PushesManifest(status string) (repository string, ok bool) {
	return strings.CutPrefix(status, "pushing manifest for ")
}

// IsUpload reports whether a status is about an upload to a registry, of an image or a cache: it is complete when the registry has taken it.
// BuildKit does not say how much of it was sent (util/push/push.go, cache/remotecache/export.go).
func IsUpload(status string) bool {
	return status == "pushing layers" || slices.ContainsFunc([]string{"pushing manifest for ", "writing layer ", "writing config ", "writing cache "},
		func(prefix string) bool { return strings.HasPrefix(status, prefix) })
}
