package graph_test

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
)

func TestLayersThatPlatformsShareAreThoseWithTheSameFiles(t *testing.T) {
	const build = "FROM --platform=$BUILDPLATFORM golang AS build\nCOPY src /src\nRUN make\n"
	for name, tt := range map[string]struct {
		dockerfile string
		layers     int // of one platform, with its base image
		shared     int
	}{
		"files on nothing":                           {"FROM scratch\nCOPY data /data\n", 1, 1},
		"files on each platform's base image":        {"FROM alpine\nCOPY data /data\n", 2, 1},
		"files above each platform's own":            {"FROM alpine\nRUN make\nARG TARGETARCH\nCOPY bin/$TARGETARCH /app\nCOPY data /data\n", 4, 1},
		"linked files":                               {"FROM alpine\nRUN make\nCOPY --link data /data\n", 3, 1},
		"linked files on a base image for one CPU":   {"FROM --platform=linux/amd64 alpine\nCOPY --link data /data\n", 2, 2},
		"files of a stage for the builder":           {build + "FROM alpine\nCOPY --from=build /out /\n", 2, 1},
		"files of a stage that reads its own folder": {build + "FROM alpine\nARG TARGETARCH\nCOPY $TARGETARCH /own\nCOPY --from=build /out /\n", 3, 1},
		"no files of each platform's stage":          {"FROM alpine AS build\nRUN make\nFROM scratch\nCOPY --from=build /out /\n", 1, 0},
		"no programs":                                {"FROM alpine\nRUN make\n", 2, 0},
		"no folders, whose times differ":             {"FROM alpine\nWORKDIR /app\n", 2, 0},
		"no files with another name":                 {"FROM scratch\nARG TARGETARCH\nCOPY data /$TARGETARCH\n", 1, 0},
		"nothing of an empty image":                  {"FROM scratch\n", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			arm64, s390x := fromDockerfile(t, tt.dockerfile, "linux/arm64"), fromDockerfile(t, tt.dockerfile, "linux/s390x")
			if n := len(arm64.Layers()); n != tt.layers {
				t.Errorf("%d layers, want %d", n, tt.layers)
			}
			if n := len(graph.SharedLayers(arm64, s390x)); n != tt.shared {
				t.Errorf("%d are shared, want %d", n, tt.shared)
			}
			if n := len(graph.SharedLayers(arm64)); n != 0 {
				t.Errorf("%d are shared with no other graph", n)
			}
		})
	}
}
