package hints_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// FuzzDockerfile looks for hints in texts, with a step at each of their lines. A hint must be about a line of the text.
func FuzzDockerfile(f *testing.F) {
	f.Add("FROM --platform=$BUILDPLATFORM golang AS build\nARG TARGETARCH=amd64\nRUN GOARCH=$TARGETARCH go build\nFROM alpine\nCOPY --from=build /x /\n")
	f.Add("ARG TARGETARCH\nFROM base-$TARGETARCH\nRUN <<EOF\ncurl https://example.test/tool-amd64\nEOF\n")
	f.Add("# syntax=docker/dockerfile:1\nFROM a\nRUN --mount=type=cache,target=/c make\nONBUILD RUN make\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		if lines > 50 {
			return
		}
		var build hints.Build
		for _, arch := range []string{"amd64", "arm64"} {
			g := graph.Graph{Texts: map[string]string{"Dockerfile": text}}
			emulated := hints.Steps{}
			for line := range lines {
				p := platform.Platform{OS: "linux", Architecture: arch}
				s := graph.Step{Digest: digest.FromString(arch + strings.Repeat(".", line)), Kind: graph.Exec, Platform: p, File: "Dockerfile", Line: line + 1}
				emulated[s.Digest] = true
				g.Steps = append(g.Steps, s)
			}
			build.Platforms = append(build.Platforms, hints.Platform{Platform: g.Steps[0].Platform, Graph: g, Emulated: emulated})
		}
		for _, h := range hints.Of(build) {
			if h.File != "Dockerfile" || h.Line < 1 || h.Line > lines || h.Message == "" {
				t.Errorf("%+v", h)
			}
		}
	})
}
