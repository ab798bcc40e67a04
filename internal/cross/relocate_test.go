package cross

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

const service = `FROM golang AS build
WORKDIR /src
COPY go.mod .
RUN go mod download
COPY . .
RUN go build -o /out/app .

FROM alpine
RUN adduser app
COPY --from=build /out/app /app
`

// outcome describes a build's outcome in words: the names of relocated steps, the stages, and the stage outputs.
type outcome struct {
	Moved, Stages, Leaves []string
}

func describe(relocated Relocated, g graph.Graph) (said outcome) {
	for _, s := range relocated.Steps {
		for _, step := range g.Steps {
			if step.Digest == s.Digest {
				name, _, _ := strings.Cut(step.Name, "@")
				if s.Edited {
					name += " *"
				}
				said.Moved = append(said.Moved, name)
			}
		}
	}
	for _, s := range relocated.Stages {
		word := fmt.Sprintf("%s:%d %s", s.Name, s.Line, s.Why.Check)
		if s.Relocated {
			word = fmt.Sprintf("%s:%d moved by %s", s.Name, s.Line, s.Recipe)
		}
		said.Stages = append(said.Stages, fmt.Sprintf("%s, %d steps", word, len(s.Steps)))
	}
	for _, output := range relocated.Outputs {
		for _, l := range output.Copied {
			said.Leaves = append(said.Leaves, fmt.Sprintf("%s at %d", l.Path, l.Line))
		}
	}
	return said
}

func TestRelocatedSteps(t *testing.T) {
	for name, tt := range map[string]struct {
		dockerfile string
		want       outcome
	}{
		"a stage that compiles, and not the result": {service, outcome{
			Moved: []string{
				"[linux/amd64 build 1/6] FROM docker.io/library/golang:latest", "[linux/amd64 build 2/6] WORKDIR /src",
				"[linux/amd64 build 3/6] COPY go.mod .", "[linux/amd64 build 4/6] RUN go mod download",
				"[linux/amd64 build 5/6] COPY . .", "[linux/amd64->arm64 build 6/6] RUN go build -o /out/app . *",
			},
			Stages: []string{"build:1 moved by go, 5 steps", "stage-1:8 result, 2 steps"},
			Leaves: []string{"/out/app at 10"},
		}},
		"a copy of a middle stage, and of the last": {
			"FROM golang AS base\nWORKDIR /src\nCOPY . .\nRUN go mod download\nFROM base AS build\nRUN go build -o /app\n" +
				"FROM scratch\nCOPY --from=base /src/static /static\nCOPY --from=build /app /app\n", outcome{
				Moved: []string{
					"[linux/amd64 base 1/4] FROM docker.io/library/golang:latest",
					"[linux/amd64 base 2/4] WORKDIR /src",
					"[linux/amd64 base 3/4] COPY . .",
					"[linux/amd64 base 4/4] RUN go mod download",
					"[linux/amd64->arm64 build 1/1] RUN go build -o /app *",
				},
				Stages: []string{
					"build:5 moved by go, 4 steps",
				},
				Leaves: []string{
					"/src/static at 8",
					"/app at 9",
				},
			},
		},
		"a copy of a middle stage's base": {
			"FROM golang AS base\nRUN apk add ca-certificates\nFROM base AS build\nRUN go build -o /app\n" +
				"FROM scratch\nCOPY --from=base /etc/ssl /etc/ssl\nCOPY --from=build /app /app\n", outcome{
				Moved: []string{
					"[linux/amd64 base 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64 base 2/2] RUN apk add ca-certificates",
					"[linux/amd64->arm64 build 1/1] RUN go build -o /app *",
				},
				Stages: []string{
					"base:1 leaves-base, 1 steps",
					"build:3 moved by go, 2 steps",
				},
				Leaves: []string{
					"/app at 7",
				},
			},
		},
		"two stages from one base, one of which is the result": {
			"FROM golang AS build\nRUN go mod download\nRUN go build -o /app\nFROM golang\nRUN go mod download\nCOPY --from=build /app /app\n", outcome{
				Moved: []string{
					"[linux/amd64 build 1/3] FROM docker.io/library/golang:latest",
					"[linux/amd64 build 2/3] RUN go mod download",
					"[linux/amd64->arm64 build 3/3] RUN go build -o /app *",
				},
				Stages: []string{
					"build:1 moved by go, 2 steps",
					"stage-1:4 result, 2 steps",
				},
				Leaves: []string{
					"/app at 6",
				},
			},
		},
		"nothing of a tip below the result": {
			"FROM golang AS build\nRUN go build -o /app\nFROM scratch AS x\nCOPY --from=build /app /app\nFROM build\nCOPY --from=x /app /app2\n", outcome{
				Stages: []string{
					"stage-2:5 result, 2 steps",
				},
			},
		},
		"a mount": {
			"FROM golang AS build\nRUN go build -o /out/app\nFROM alpine\nRUN --mount=from=build,source=/out,target=/out cp /out/app /app\n", outcome{
				Moved: []string{
					"[linux/amd64 build 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64->arm64 build 2/2] RUN go build -o /out/app *",
				},
				Stages: []string{
					"build:1 moved by go, 1 steps",
					"stage-1:3 result, 1 steps",
				},
				Leaves: []string{
					"/out at 4",
				},
			},
		},
		"a mount of everything": {
			"FROM golang AS build\nRUN go build -o /out/app\nFROM alpine\nRUN --mount=from=build,target=/out cp /out/app /app\n", outcome{
				Stages: []string{
					"build:1 leaves-base, 1 steps",
					"stage-1:3 result, 1 steps",
				},
			},
		},
		"what an image's triggers do": {"FROM onbuild AS build\nFROM scratch\nCOPY --from=build /out/app /app\n", outcome{
			Moved: []string{
				"[linux/amd64 build 1/1] FROM docker.io/library/onbuild:latest",
				"[linux/amd64 build 2/3] ONBUILD COPY . /src",
				"[linux/amd64->arm64 build 3/3] ONBUILD RUN go build -o /out/app . *",
			},
			Stages: []string{
				"build:1 moved by go, 2 steps",
			},
			Leaves: []string{
				"/out/app at 3",
			},
		}},
		"a heredoc": {
			"FROM golang AS build\nRUN <<EOF\ngo build -o /app\nEOF\nCOPY <<f /f\nhello\nf\nFROM scratch\nCOPY --from=build /app /f /\n", outcome{
				Moved: []string{
					"[linux/amd64 build 1/3] FROM docker.io/library/golang:latest",
					"[linux/amd64->arm64 build 2/3] RUN <<EOF (go build -o /app) *",
					"[linux/amd64 build 3/3] COPY <<f /f",
				},
				Stages: []string{
					"build:1 moved by go, 2 steps",
				},
				Leaves: []string{
					"/app at 9",
					"/f at 9",
				},
			},
		},
		"links, whoever copies": {
			"FROM golang AS gen\nRUN go build -o /gen\nFROM golang AS build\nCOPY --link --from=gen /etc/x /gen /bin/\nRUN go build -o /app\n" +
				"FROM alpine\nCOPY --link --from=build /app /app\n", outcome{
				Moved: []string{
					"[linux/amd64 gen 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64 build 2/3] LINK COPY --link --from=gen /etc/x /gen /bin/",
					"[linux/amd64->arm64 build 3/3] RUN go build -o /app *",
				},
				Stages: []string{
					"gen:1 leaves-base, 1 steps",
					"build:3 moved by go, 2 steps",
				},
				Leaves: []string{
					"/app at 7",
				},
			},
		},
		"a stage that copies from a moved one, which must not bring a base image along": {
			"FROM golang AS deps\nRUN go build -o /x\nFROM golang AS build\nCOPY --from=deps / /\nRUN go build -o /app\n" +
				"FROM scratch\nCOPY --from=build /app /app\n", outcome{
				Moved: []string{
					"[linux/amd64 deps 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64 build 2/3] COPY --from=deps / /",
					"[linux/amd64->arm64 build 3/3] RUN go build -o /app *",
				},
				Stages: []string{
					"deps:1 leaves-base, 1 steps",
					"build:3 moved by go, 2 steps",
				},
				Leaves: []string{
					"/app at 7",
				},
			},
		},
		"a stage that is taken whole by one that stays": {
			"FROM golang AS deps\nRUN go build -o /x\nFROM golang AS build\nCOPY --from=deps / /\nRUN make\n" +
				"FROM scratch\nCOPY --from=build /app /app\n", outcome{
				Stages: []string{
					"deps:1 leaves-base, 1 steps",
					"build:3 command, 2 steps",
				},
			},
		},
		"several tips, of which one stays": {
			"FROM golang AS base\nRUN go mod download\nFROM base AS a\nRUN go build -o /a\nFROM base AS b\nRUN make b\n" +
				"FROM scratch\nCOPY --from=a /a /a\nCOPY --from=b /b /b\n", outcome{
				Moved: []string{
					"[linux/amd64 base 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64 base 2/2] RUN go mod download",
					"[linux/amd64->arm64 a 1/1] RUN go build -o /a *",
				},
				Stages: []string{
					"a:3 moved by go, 2 steps",
					"b:5 command, 2 steps",
				},
				Leaves: []string{
					"/a at 8",
				},
			},
		},
		"not what the author has given a platform": {
			"FROM --platform=$TARGETPLATFORM golang AS base\nFROM base AS build\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /\n", outcome{
				Stages: []string{
					"build:2 author, 1 steps",
				},
			},
		},
		"what has a platform that has no effect": {
			"FROM golang AS base\nFROM --platform=$BUILDPLATFORM base AS build\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /\n", outcome{
				Moved: []string{
					"[linux/amd64 base 1/1] FROM docker.io/library/golang:latest",
					"[linux/amd64->arm64 build 1/1] RUN go build -o /app *",
				},
				Stages: []string{
					"build:2 moved by go, 1 steps",
				},
				Leaves: []string{
					"/app at 5",
				},
			},
		},
		"not what the author has given the builder's platform": {
			"FROM --platform=$BUILDPLATFORM golang AS build\nARG TARGETARCH\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /\n", outcome{},
		},
		"not what the author has given another platform": {
			"FROM --platform=linux/riscv64 golang AS build\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /\n", outcome{
				Stages: []string{
					"build:1 author, 1 steps",
				},
			},
		},
		"not what may be a stage with a platform": {
			"ARG BASE=x\nFROM --platform=linux/arm64 golang AS x\nFROM ${BASE} AS build\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /\n", outcome{
				Stages: []string{
					"build:3 author, 1 steps",
				},
			},
		},
		"nothing that runs nothing": {"FROM golang AS build\nCOPY . .\nFROM alpine\nCOPY --from=build /a /a\nRUN x\n", outcome{
			Stages: []string{
				"stage-1:3 result, 2 steps",
			},
		}},
		"not what begins with nothing": {
			"FROM scratch AS build\nCOPY --from=golang / /\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /\n", outcome{
				Stages: []string{
					"build:1 base, 2 steps",
				},
			},
		},
		"not the only stage": {"FROM golang\nRUN go build -o /app\n", outcome{
			Stages: []string{
				":1 result, 1 steps",
			},
		}},
		"a chain of stages by its last name": {
			"FROM golang AS a\nRUN go mod download\nFROM a AS b\nCOPY . .\nFROM b AS c\nRUN go build -o /app\nFROM scratch\nCOPY --from=2 /app /\n", outcome{
				Moved: []string{
					"[linux/amd64 a 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64 a 2/2] RUN go mod download",
					"[linux/amd64 b 1/1] COPY . .",
					"[linux/amd64->arm64 c 1/1] RUN go build -o /app *",
				},
				Stages: []string{
					"c:5 moved by go, 3 steps",
				},
				Leaves: []string{
					"/app at 8",
				},
			},
		},
		"many who take of one": {
			"FROM golang AS build\nRUN go build -o /app\nFROM alpine AS a\nCOPY --from=build /app /a\nRUN make\nFROM alpine AS b\nCOPY --from=build /app /b\n" +
				"FROM alpine\nCOPY --from=a /a /\nCOPY --from=b /b /\nCOPY --from=build /app /c\n", outcome{
				Moved: []string{
					"[linux/amd64 build 1/2] FROM docker.io/library/golang:latest",
					"[linux/amd64->arm64 build 2/2] RUN go build -o /app *",
				},
				Stages: []string{
					"build:1 moved by go, 1 steps",
					"a:3 command, 2 steps",
				},
				Leaves: []string{
					"/app at 4",
					"/app at 7",
					"/app at 11",
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := build(t, tt.dockerfile, "linux/arm64")
			relocated, g := tidily(t, b)
			if diff := cmp.Diff(tt.want, describe(relocated, g)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
