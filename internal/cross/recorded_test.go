package cross

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

// recorded returns a real BuildKit's definition of a Dockerfile in testdata (record_test.go).
func recorded(t testing.TB, name, target string) Build {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "recorded", name, strings.ReplaceAll(target, "/", "-")+".llb"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	def, err := llb.ReadFrom(f)
	if err != nil {
		t.Fatal(err)
	}
	b := of(t, def, target)
	b.Isolated = true
	return b
}

func TestRecordedDefinitions(t *testing.T) {
	for name, want := range map[string]outcome{
		"service": {
			Moved: []string{
				"[linux/amd64 build 1/5] FROM localhost:5000/base/golang:primed-go1.26.8-acbc3c6648bd",
				"[linux/amd64 build 2/5] WORKDIR /src",
				"[linux/amd64 build 3/5] RUN --mount=type=cache,target=/go/pkg/mod --mount=type=bind,source=go.mod,target=go.mod go mod download",
				"[linux/amd64 build 4/5] LINK COPY --link . .",
				"[linux/amd64->TARGET build 5/5] RUN --mount=type=cache,id=build,target=/root/.cache/go-build,sharing=locked --mount=type=secret,id=token go build -trimpath -o /out/ ./... *",
			},
			Stages: []string{
				"build:1 moved by go, 4 steps",
				"stage-1:8 result, 2 steps",
			},
			Leaves: []string{
				"/out/server at 10",
				"/out/client at 10",
			},
		},
		"workspace": {
			Moved: []string{
				"[linux/amd64 sources 1/4] FROM localhost:5000/base/golang:primed-go1.26.8-acbc3c6648bd",
				"[linux/amd64 sources 2/4] WORKDIR /work",
				"[linux/amd64 sources 3/4] COPY <<go.work ./",
				"[linux/amd64 sources 4/4] COPY . .",
				"[linux/amd64->TARGET a 1/1] RUN <<-EOT (go build -o /a ./a) *",
			},
			Stages: []string{
				"a:13 moved by go, 4 steps",
				"b:18 command, 5 steps",
			},
			Leaves: []string{
				"/a at 23",
			},
		},
		"middle": {
			Moved: []string{
				"[linux/amd64 base 1/2] FROM localhost:5000/base/golang:primed-go1.26.8-acbc3c6648bd",
				"[linux/amd64 base 2/2] RUN apk add --no-cache git",
				"[linux/amd64 build 1/2] COPY . /src",
				"[linux/amd64->TARGET build 2/2] RUN go build -C /src -o /out/app . *",
			},
			Stages: []string{
				"build:3 moved by go, 3 steps",
				"stage-3:11 result, 4 steps",
			},
			Leaves: []string{
				"/out at 12",
				"/src/LICENSE at 14",
			},
		},
	} {
		for _, target := range []string{"linux/arm64", "linux/arm/v7"} {
			t.Run(name+" "+target, func(t *testing.T) {
				b := recorded(t, name, target)
				relocated, g := tidily(t, b)
				got := describe(relocated, g)
				for i, step := range got.Moved {
					got.Moved[i] = strings.Replace(step, strings.TrimPrefix(target, "linux/"), "TARGET", 1)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				native := recorded(t, name, "linux/amd64").Graph
				for _, s := range relocated.Steps {
					is := slices.ContainsFunc(native.Steps, func(own graph.Step) bool { return own.Digest == s.Digest })
					if !is && !afterEdit(g, relocated, s.Digest) {
						t.Errorf("%s is not the step of linux/amd64", stepOf(g, s.Digest).Name)
					}
				}
			})
		}
	}
}

func stepOf(g graph.Graph, d digest.Digest) graph.Step {
	return g.Steps[slices.IndexFunc(g.Steps, func(s graph.Step) bool { return s.Digest == d })]
}

// afterEdit reports whether the recipe changed a step, or one that it goes on from.
func afterEdit(g graph.Graph, relocated Relocated, d digest.Digest) bool {
	for d != "" {
		if slices.ContainsFunc(relocated.Steps, func(s Step) bool { return s.Digest == d && s.Edited }) {
			return true
		}
		d = stepOf(g, d).Root
	}
	return false
}
