package solve

import (
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestThePlanKnowsWhichProgramsAnEmulatorRuns(t *testing.T) {
	amd64, arm64, arm := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "arm64"},
		platform.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}
	node := Node{Platforms: []platform.Platform{amd64}}
	status := emulation.Status{Archs: []emulation.Support{{Arch: "arm64", Mode: emulation.Emulated}, {Arch: "arm", Mode: emulation.Builder}}}
	steps := func(own platform.Platform, name string) graph.Graph {
		return graph.Graph{Steps: []graph.Step{
			{Digest: "image", Kind: graph.Source, Platform: own},
			{Digest: "tool", Kind: graph.Exec, Platform: amd64},
			{Digest: digest.Digest(name), Kind: graph.Exec, Platform: own, File: "Dockerfile", Line: 7},
		}}
	}
	plan := newPlan(node, []platform.Platform{arm64, arm}, []graph.Graph{steps(arm64, "arm64"), steps(arm, "arm")}, status)
	want := map[digest.Digest]bool{"tool": false, "arm64": true, "arm": true}
	if len(plan.Programs) != len(want) {
		t.Errorf("%+v", plan.Programs)
	}
	for d, emulated := range want {
		if p, ok := plan.Programs[d]; !ok || p.Emulated != emulated || d != "tool" && p.Line != 7 {
			t.Errorf("%s: %+v, %t", d, p, ok)
		}
	}
}
