package hints_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/graph/graphtest"
	"github.com/docker-multiarch/docker-multiarch/internal/hints"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// build returns the build that BuildKit's own frontend makes of a Dockerfile on linux/amd64, where all other processors are
// emulated.
func build(t *testing.T, dockerfile string, list string) hints.Build {
	t.Helper()
	targets, _, err := platform.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	var b hints.Build
	for _, p := range targets {
		def := graphtest.Definition(t, dockerfile, p, graphtest.Images{Index: digest.FromString("index")})
		g, err := graph.Read(def)
		if err != nil {
			t.Fatal(err)
		}
		emulated := hints.Steps{}
		for _, s := range g.Steps {
			emulated[s.Digest] = s.Kind == graph.Exec && s.Platform.Architecture != "amd64"
		}
		b.Platforms = append(b.Platforms, hints.Platform{Platform: p, Graph: g, Emulated: emulated})
	}
	return b
}

// formatted formats hints as "rule line platforms".
func formatted(all []diag.Diagnostic) []string {
	var lines []string
	for _, h := range all {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %s", h.Check, h.Line, strings.Join(h.Platforms, ","))))
	}
	return lines
}

func TestTheRulesFindTheirLine(t *testing.T) {
	const native = "FROM --platform=$BUILDPLATFORM golang AS build\n"
	for name, tt := range map[string]struct {
		dockerfile string
		want       []string
	}{
		"a compiler under an emulator": {"FROM golang\nRUN apk add git && \\\n  go build .\n", []string{"emulated-compile 2 linux/arm64"}},
		"a platform of a stage": {
			"FROM golang AS base\nFROM --platform=$BUILDPLATFORM base AS a\nRUN true\nFROM scratch\nCOPY --from=a /a /\n", []string{"platform-of-stage 2"},
		},
		"a platform of a stage that has it": {
			"FROM --platform=$BUILDPLATFORM golang AS base\nFROM --platform=${BUILDPLATFORM} base AS a\nRUN true\nFROM scratch\nCOPY --from=a /a /\n", nil,
		},
		"a platform of a stage that is its own": {"FROM golang AS base\nFROM --platform=$TARGETPLATFORM base\nRUN true\n", nil},
		"a program compiled once": {
			native + "WORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -o app .\nFROM scratch\nCOPY --from=build /src/app /\n",
			[]string{"compiled-once 4 linux/arm64"},
		},
		"a program compiled once, of a folder":     {native + "RUN go build -o /out/app .\nFROM scratch\nCOPY --from=build /out /\n", []string{"compiled-once 2 linux/arm64"}},
		"a program installed once":                 {native + "RUN go install .\nFROM alpine\nCOPY --from=build /go/bin/app /\n", []string{"compiled-once 2 linux/arm64"}},
		"a program compiled for its platform":      {native + "ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build -o /app .\nFROM scratch\nCOPY --from=build /app /\n", nil},
		"a program compiled for another":           {native + "ENV GOARCH=wasm GOOS=js\nRUN go build -o /app .\nFROM scratch\nCOPY --from=build /app /\n", nil},
		"a program compiled once, to be run there": {native + "RUN go build -o /gen . && /gen > /data\nFROM scratch\nCOPY --from=build /data /\n", nil},
		"a compiler in its own words":              {"FROM node\nRUN [\"npm\", \"ci\"]\n", []string{"emulated-compile 2 linux/arm64"}},
		"a compiler in a heredoc":                  {"FROM gcc\nRUN <<EOF\nset -e\nCC=gcc make -j4\nEOF\n", []string{"emulated-compile 2 linux/arm64"}},
		"a compiler behind variables":              {"FROM rust\nRUN CARGO_HOME=/c cargo build --release\n", []string{"emulated-compile 2 linux/arm64"}},
		"a native compiler":                        {native + "ARG TARGETARCH\nRUN GOARCH=$TARGETARCH go build .\nFROM alpine\nCOPY --from=build /x /\n", nil},
		"words that only sound so":                 {"FROM alpine\nRUN apk add make cmake gcc && echo go build && ls /usr/share/cargo\n", nil},
		"a default in a stage":                     {"FROM alpine\nARG TARGETARCH=amd64\nRUN fetch $TARGETARCH\n", []string{"arg-default 2"}},
		"a default of the builder's":               {"FROM alpine\nARG BUILDPLATFORM=linux/amd64\nRUN fetch $BUILDPLATFORM\n", []string{"arg-default 2"}},
		"a default before FROM":                    {"ARG TARGETARCH=amd64\nFROM alpine\nARG TARGETARCH\nRUN fetch $TARGETARCH\n", []string{"arg-default 1"}},
		"a default of its own before FROM":         {"ARG TARGETARCH=${TARGETARCH:-amd64}\nFROM alpine\nARG TARGETARCH\nRUN fetch $TARGETARCH\n", nil},
		"an argument that only sounds so":          {"FROM alpine\nARG TARGETARCHIVE=x\nRUN fetch $TARGETARCHIVE\n", nil},
		"declared before FROM only":                {"ARG TARGETARCH\nFROM alpine\nRUN fetch $TARGETARCH\n", []string{"arg-before-from 3"}},
		"used and not declared":                    {"FROM alpine\nRUN fetch ${TARGETARCH}\n", []string{"arg-unused 2"}},
		"set by the step itself":                   {"FROM alpine\nRUN TARGETARCH=$(uname -m) && fetch $TARGETARCH\n", nil},
		"declared in the stage below":              {"FROM alpine AS a\nARG TARGETARCH\nFROM a\nRUN fetch $TARGETARCH\n", nil},
		"declared and not used":                    {native + "ARG TARGETARCH\nRUN go build .\nFROM scratch\nCOPY --from=build /x /\n", []string{"arg-unused 2"}},
		"declared for a script":                    {"FROM alpine\nARG TARGETARCH\nRUN ./fetch.sh\n", nil},
		"in a stage that nobody needs":             {"FROM alpine AS spare\nRUN fetch $TARGETARCH\nFROM alpine\nRUN true\n", nil},
		"the result for the builder":               {"FROM --platform=$BUILDPLATFORM alpine\nCOPY x /\n", []string{"final-stage-pinned 1 linux/arm64"}},
		"the result for a constant, by a stage":    {"FROM --platform=linux/amd64 alpine AS a\nFROM a\nCOPY x /\n", []string{"final-stage-pinned 1 linux/arm64"}},
		"the result from scratch":                  {"FROM --platform=$BUILDPLATFORM scratch\nCOPY x /\n", nil},
		"a cache for all":                          {"FROM alpine\nRUN --mount=type=cache,target=/c fetch\n", []string{"cache-mount-shared 2 linux/amd64,linux/arm64"}},
		"a cache for each":                         {"FROM alpine\nARG TARGETARCH\nRUN --mount=type=cache,target=/c,id=c-$TARGETARCH fetch\n", nil},
		"a cache of the builder's":                 {native + "RUN --mount=type=cache,target=/c fetch\nFROM alpine\nCOPY --from=build /x /\n", nil},
		"a download for one":                       {"FROM alpine\nRUN curl -LO https://example.com/tool-linux-x86_64.tar.gz\n", []string{"foreign-download 2 linux/arm64"}},
		"an ADD for one":                           {"FROM alpine\nADD https://example.com/arm64/tool /tool\n", []string{"foreign-download 2 linux/amd64"}},
		"a download that chooses":                  {"FROM alpine\nRUN case $(uname -m) in x86_64) curl https://example.com/x86_64/t;; esac\n", nil},
		"a download for the builder":               {native + "RUN curl https://example.com/linux-amd64/t\nFROM alpine\nCOPY --from=build /x /\n", nil},
		"a file that BuildKit's parser does not":   {"# syntax=example/other\nFROM alpine\nRUN make\n", []string{"emulated-compile 3 linux/arm64"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, formatted(hints.Of(build(t, tt.dockerfile, "linux/amd64,linux/arm64")))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheHintAboutDefaultsAgreesWithBuildKit(t *testing.T) {
	for dockerfile, want := range map[string]string{
		"FROM alpine\nARG TARGETARCH\nRUN x\n":                                         "arm64",
		"FROM alpine\nARG TARGETARCH=amd64\nRUN x\n":                                   "amd64",
		"ARG TARGETARCH=amd64\nFROM alpine\nARG TARGETARCH\nRUN x\n":                   "amd64",
		"ARG TARGETARCH=${TARGETARCH:-amd64}\nFROM alpine\nARG TARGETARCH\nRUN x\n":    "arm64",
		"FROM alpine\nARG TARGETARCH=${TARGETARCH:-amd64}\nRUN x\n":                    "amd64",
		"FROM alpine\nARG TARGETARCH\nARG TARGETARCH=${TARGETARCH:-amd64}\nRUN echo\n": "arm64",
	} {
		b := build(t, dockerfile, "linux/arm64")
		env := b.Platforms[0].Graph.Steps[1].Env
		if !slices.Contains(env, "TARGETARCH="+want) {
			t.Errorf("%q: %q", dockerfile, env)
		}
		hinted := slices.ContainsFunc(hints.Of(b), func(h diag.Diagnostic) bool { return h.Check == "arg-default" })
		if hinted != (want != "arm64") {
			t.Errorf("%q: a hint: %v", dockerfile, hinted)
		}
	}
}

func TestABuildArgumentWinsOverADefault(t *testing.T) {
	b := build(t, "FROM alpine\nARG TARGETARCH=amd64\nRUN fetch $TARGETARCH\n", "linux/amd64,linux/arm64")
	b.Args = map[string]string{"TARGETARCH": "arm64"}
	if all := hints.Of(b); len(all) > 0 {
		t.Errorf("%q", formatted(all))
	}
}

func TestCacheMountsOfTheirOwnAreNotShared(t *testing.T) {
	b := build(t, "FROM alpine\nRUN --mount=type=cache,target=/c fetch\n", "linux/amd64,linux/arm64")
	b.Isolated = true
	if all := hints.Of(b); len(all) > 0 {
		t.Errorf("%q", formatted(all))
	}
}

func TestALargeCopyGetsAHintAboutLink(t *testing.T) {
	for dockerfile, want := range map[string][]string{
		"FROM alpine\nCOPY big small /\n":                           {"copy-link 2"},
		"FROM alpine\nADD big /\n":                                  {"copy-link 2"},
		"FROM alpine\nCOPY --link big /\n":                          nil,
		"FROM alpine\nCOPY small /\n":                               nil,
		"FROM scratch\nCOPY big /\n":                                nil,
		"FROM alpine\nARG TARGETARCH\nCOPY big-$TARGETARCH big /\n": nil,
	} {
		b := build(t, dockerfile, "linux/amd64,linux/arm64")
		b.Size = func(paths []string) int64 {
			if slices.Contains(paths, "big") {
				return hints.BigCopy
			}
			return 1
		}
		if diff := cmp.Diff(want, formatted(hints.Of(b))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", dockerfile, diff)
		}
	}
}

func TestOnePlatformHasNoHintsOfSeveral(t *testing.T) {
	b := build(t, "FROM alpine\nRUN --mount=type=cache,target=/c curl https://example.com/x86_64/t\n", "linux/amd64")
	if all := hints.Of(b); len(all) > 0 {
		t.Errorf("%q", formatted(all))
	}
}
