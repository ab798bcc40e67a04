package plan

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
	p := New(one(node, status, 2), []platform.Platform{arm64, arm}, []graph.Graph{steps(arm64, "arm64"), steps(arm, "arm")})
	want := map[digest.Digest]bool{"tool": false, "arm64": true, "arm": true}
	if len(p.Programs) != len(want) {
		t.Errorf("%+v", p.Programs)
	}
	for d, emulated := range want {
		if got, ok := p.Programs[d]; !ok || got.Emulated != emulated || d != "tool" && got.Line != 7 {
			t.Errorf("%s: %+v, %t", d, got, ok)
		}
	}
}

func TestThePlanNamesTheEmulatorThatTheProbeFound(t *testing.T) {
	arm64 := platform.Platform{OS: "linux", Architecture: "arm64"}
	status := emulation.Status{Archs: []emulation.Support{{Arch: "arm64", Mode: emulation.Emulated, Version: "7.2.22"}}}
	node := Node{Name: "a", Platforms: []platform.Platform{{OS: "linux", Architecture: "amd64"}}}
	runs := graph.Graph{Steps: []graph.Step{{Kind: graph.Exec, Platform: arm64}}}
	for want, g := range map[string]graph.Graph{"linux/arm64 on a: emulated (qemu 7.2.22)\n": runs, "linux/arm64 on a: cross\n": {}} {
		if got := New(one(node, status, 1), []platform.Platform{arm64}, []graph.Graph{g}).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// one returns a placement of all targets on one node.
func one(node Node, status emulation.Status, targets int) Placement {
	return Placement{Nodes: []Node{node}, Status: []emulation.Status{status}, On: make([]int, targets)}
}
