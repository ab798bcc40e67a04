package display

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAWarningOfSomePlatformsNamesThem(t *testing.T) {
	at := func(short string, line int32) *client.VertexWarning {
		return &client.VertexWarning{
			Short: []byte(short), Detail: [][]byte{[]byte("what it means")}, URL: "https://example.com/page",
			SourceInfo: &pb.SourceInfo{Filename: "Dockerfile", Data: []byte("FROM a\nFROM b\n")},
			Range:      []*pb.Range{{Start: &pb.Position{Line: line}, End: &pb.Position{Line: line}}},
		}
	}
	var w warnings
	for _, p := range []platform.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}} {
		w.add(p, &client.SolveStatus{Warnings: []*client.VertexWarning{at("All: the message (line 1)", 1), at("All: the message (line 1)", 1)}})
		if p.Architecture == "arm64" {
			w.add(p, &client.SolveStatus{Warnings: []*client.VertexWarning{at("one", 2)}})
		}
		w.add(p, nil)
	}
	var brief, long bytes.Buffer
	w.print(&brief, false)
	if diff := cmp.Diff("\n2 warnings found (use --debug to expand):\nDockerfile:1: warning: the message (All)\nDockerfile:2: warning: one [linux/arm64]\n", brief.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.print(&long, true)
	clitest.Contains(t, long.String(), "\n2 warnings found:\nDockerfile:1: warning: the message (All)\nwhat it means\nMore info: https://example.com/page\nDockerfile:1\n", "   2 | >>> FROM b")
	var none warnings
	brief.Reset()
	none.print(&brief, true)
	if brief.Len() != 0 {
		t.Errorf("nothing to say: %q", brief.String())
	}
}
