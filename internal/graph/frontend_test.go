// These tests read definitions that BuildKit's own Dockerfile frontend makes.

package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/graph/graphtest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// baseDigest is the digest that every base image's name resolves to.
var baseDigest = digest.FromString("the index of a base image")

// fromDockerfile reads the definition that BuildKit's own Dockerfile frontend makes of a Dockerfile for target, on a builder that
// is linux/amd64.
func fromDockerfile(t *testing.T, dockerfile, target string, change ...func(*dockerfile2llb.ConvertOpt)) graph.Graph {
	t.Helper()
	p := parse(t, target)
	return read(t, graphtest.State(t, dockerfile, p, graphtest.Images{Index: baseDigest}, change...), llb.Platform(p))
}

const crossCompiling = `FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod .
RUN go mod download
ARG TARGETARCH
RUN GOARCH=$TARGETARCH go build -o /out/hello .

FROM scratch
COPY --from=build /out/hello /hello
`

func TestDockerfilesRunProgramsFor(t *testing.T) {
	tests := map[string]struct {
		dockerfile, target string
		want               []string
	}{
		"the builder only, when it cross-compiles": {crossCompiling, "linux/arm64", []string{"linux/amd64"}},
		"nothing, from scratch with files":         {"FROM scratch\nCOPY hello /hello\n", "linux/arm64", nil},
		"nothing, from a base with files":          {"FROM alpine\nCOPY hello /hello\nENV A=b\nCMD [\"/hello\"]\n", "linux/s390x", nil},
		"nothing, from scratch alone":              {"FROM scratch\n", "linux/arm64", nil},
		"the target":                               {"FROM alpine\nRUN apk add git\n", "linux/arm64", []string{"linux/arm64"}},
		"the target's variant":                     {"FROM alpine\nRUN apk add git\n", "linux/arm", []string{"linux/arm/v7"}},
		"a heredoc":                                {"FROM alpine\nRUN <<EOF\n#!/bin/sh\necho\nEOF\n", "linux/arm64", []string{"linux/arm64"}},
		"no stage that the target does not need":   {"FROM alpine AS tests\nRUN true\nFROM scratch\nCOPY a b\n", "linux/arm64", nil},
		"each platform that a stage asks for": {
			"FROM --platform=$BUILDPLATFORM alpine AS a\nRUN touch /a\nFROM --platform=linux/riscv64 alpine AS b\nRUN touch /b\n" +
				"FROM alpine\nRUN true\nCOPY --from=a /a /\nCOPY --from=b /b /\n",
			"linux/arm64",
			[]string{"linux/amd64", "linux/arm64", "linux/riscv64"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := formatted(fromDockerfile(t, tt.dockerfile, tt.target).Runs())
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepsSayTheirStageLineAndPlatform(t *testing.T) {
	type place struct {
		Kind            graph.Kind
		Platform, Stage string
		Line            int
	}
	multi := func(o *dockerfile2llb.ConvertOpt) { o.MultiPlatformRequested = true }
	single := func(o *dockerfile2llb.ConvertOpt) { o.MultiPlatformRequested = false }
	for name, tt := range map[string]struct {
		change func(*dockerfile2llb.ConvertOpt)
		run    string
	}{
		"with platforms in the names":    {multi, "[linux/amd64->arm64 build 5/5] RUN GOARCH=arm64 go build -o /out/hello ."},
		"without platforms in the names": {single, "[build 5/5] RUN GOARCH=arm64 go build -o /out/hello ."},
	} {
		t.Run(name, func(t *testing.T) {
			g := fromDockerfile(t, crossCompiling, "linux/arm64", tt.change)
			var got []place
			for _, s := range g.Steps {
				if (s.File == "Dockerfile") != (s.Line > 0) {
					t.Errorf("%s: file %q, line %d", s.Name, s.File, s.Line)
				}
				got = append(got, place{s.Kind, platform.Format(s.Platform), s.Stage, s.Line})
			}
			want := []place{
				{graph.Source, "linux/amd64", "build", 1},
				{graph.File, "unknown", "build", 2},
				{graph.Source, "unknown", "", 0}, // the context
				{graph.File, "unknown", "build", 3},
				{graph.Exec, "linux/amd64", "build", 4},
				{graph.Exec, "linux/amd64", "build", 6},
				{graph.File, "unknown", "stage-1", 9},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			step(t, g, tt.run)
		})
	}
}

func TestAGraphHasTheDockerfileThatItWasReadFrom(t *testing.T) {
	if diff := cmp.Diff(map[string]string{"Dockerfile": crossCompiling}, fromDockerfile(t, crossCompiling, "linux/arm64").Texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunOptionsOfADockerfile(t *testing.T) {
	g := fromDockerfile(t, `FROM alpine
RUN --mount=type=cache,id=gomod,target=/root/.cache \
    --mount=type=secret,id=token --mount=type=secret,id=key,env=KEY \
    --mount=type=bind,target=/src --network=none true
RUN --network=host ["ls", "-l"]
`, "linux/arm64")
	run, host := g.Steps[2], g.Steps[3]
	want := []graph.Mount{
		{Type: "cache", Dest: "/root/.cache", ID: "/gomod"},
		{Type: "bind", Dest: "/src"},
		{Type: "secret", Dest: "/run/secrets/token", ID: "token"},
		{Type: "secret", ID: "key"},
	}
	byDest := cmpopts.SortSlices(func(a, b graph.Mount) bool { return a.Dest+a.ID < b.Dest+b.ID })
	if diff := cmp.Diff(want, run.Mounts, byDest); diff != "" {
		t.Errorf("mounts (-want +got):\n%s", diff)
	}
	if run.Network != pb.NetMode_NONE || host.Network != pb.NetMode_HOST {
		t.Errorf("networks %v and %v", run.Network, host.Network)
	}
	if diff := cmp.Diff([]string{"ls", "-l"}, host.Args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestPlatformsShareTheStepsOfTheBuilder(t *testing.T) {
	arm64, s390x := fromDockerfile(t, crossCompiling, "linux/arm64"), fromDockerfile(t, crossCompiling, "linux/s390x")
	shared := graph.Shared(arm64, s390x)
	var got []int
	for _, s := range arm64.Steps {
		got = append(got, shared[s.Digest])
	}
	// Every step is shared, except the RUN that has TARGETARCH in its environment and the steps after it.
	if diff := cmp.Diff([]int{2, 2, 2, 2, 2, 1, 1}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBaseImagesOfADockerfileArePinned(t *testing.T) {
	g := fromDockerfile(t, "FROM --platform=$BUILDPLATFORM golang:1.26 AS b\nRUN true\nFROM ghcr.io/a/b\nCOPY --from=b /x /x\n", "linux/arm64")
	want := []graph.ImageRef{
		{Name: "ghcr.io/a/b:latest", Digest: baseDigest, Platform: parse(t, "linux/arm64")},
		{Name: "docker.io/library/golang:1.26", Digest: baseDigest, Platform: parse(t, "linux/amd64")},
	}
	if diff := cmp.Diff(want, g.Images()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRemoteSourcesOfADockerfile(t *testing.T) {
	g := fromDockerfile(t, `FROM scratch
ADD https://example.com/a.tar /
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/b.tar /
ADD https://github.com/moby/buildkit.git#v0.20.0 /v
ADD https://github.com/moby/buildkit.git#0123456789012345678901234567890123456789:docs /c
COPY here /
`, "linux/arm64")
	got := map[string]bool{}
	for _, s := range g.Remotes() {
		got[s.Source] = s.Pinned()
	}
	want := map[string]bool{
		"https://example.com/a.tar":                  false,
		"https://example.com/b.tar":                  true,
		"git://github.com/moby/buildkit.git#v0.20.0": false,
		"git://github.com/moby/buildkit.git#0123456789012345678901234567890123456789:docs": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
