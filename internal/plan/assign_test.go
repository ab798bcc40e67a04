package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func platforms(t *testing.T, list string) []platform.Platform {
	t.Helper()
	if list == "" {
		return nil
	}
	ps, _, err := platform.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func TestEachTargetIsAssignedToTheNodeThatSuitsItBest(t *testing.T) {
	emulates := func(mode emulation.Mode, archs ...string) (s emulation.Status) {
		for _, arch := range archs {
			s.Archs = append(s.Archs, emulation.Support{Arch: arch, Mode: mode})
		}
		return s
	}
	type node struct {
		has, prefers string
		status       emulation.Status
	}
	amd64, arm64 := node{has: "linux/amd64,linux/amd64/v2"}, node{has: "linux/arm64,linux/arm/v7"}
	for name, tt := range map[string]struct {
		nodes   []node
		targets string
		want    []int
	}{
		"one node has all":               {[]node{amd64}, "linux/amd64,linux/arm64,linux/s390x", []int{0, 0, 0}},
		"native":                         {[]node{amd64, arm64}, "linux/amd64,linux/arm64", []int{0, 1}},
		"native in the other order":      {[]node{arm64, amd64}, "linux/amd64,linux/arm64", []int{1, 0}},
		"a variant that one has":         {[]node{{has: "linux/amd64"}, amd64}, "linux/amd64/v2", []int{1}},
		"the first of two native ones":   {[]node{amd64, amd64}, "linux/amd64", []int{0}},
		"the preferred of two":           {[]node{amd64, {has: "linux/amd64", prefers: "linux/amd64"}}, "linux/amd64", []int{1}},
		"native before preferred":        {[]node{{has: "linux/amd64", prefers: "linux/arm64", status: emulates(emulation.Emulated, "arm64")}, arm64}, "linux/arm64", []int{1}},
		"preferred before emulated":      {[]node{{has: "linux/amd64", status: emulates(emulation.Emulated, "s390x")}, {has: "linux/arm64", prefers: "linux/s390x"}}, "linux/s390x", []int{1}},
		"emulated":                       {[]node{amd64, {has: "linux/arm64", status: emulates(emulation.Emulated, "s390x")}}, "linux/s390x", []int{1}},
		"a handler before BuildKit's":    {[]node{{has: "linux/amd64", status: emulates(emulation.Builder, "s390x")}, {has: "linux/arm64", status: emulates(emulation.Emulated, "s390x")}}, "linux/s390x", []int{1}},
		"native by the kernel":           {[]node{{has: "linux/amd64"}, {has: "linux/arm64", status: emulates(emulation.Native, "arm")}}, "linux/arm/v7", []int{1}},
		"that nobody runs, to the first": {[]node{amd64, arm64}, "linux/s390x", []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			var nodes []Node
			var status []emulation.Status
			for _, n := range tt.nodes {
				nodes = append(nodes, Node{Platforms: platforms(t, n.has), Preferred: platforms(t, n.prefers)})
				status = append(status, n.status)
			}
			if diff := cmp.Diff(tt.want, Assign(nodes, status, platforms(t, tt.targets))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStepIsSharedByTheTargetsOfOneNodeOnly(t *testing.T) {
	targets := platforms(t, "linux/amd64,linux/arm64,linux/arm/v7")
	step := graph.Step{Digest: digest.Digest("tool"), Kind: graph.Exec, Platform: targets[0]}
	g := graph.Graph{Steps: []graph.Step{step}}
	on := Placement{
		Nodes:  []Node{{Name: "a", Platforms: targets[:1]}, {Name: "b", Platforms: targets[1:]}},
		Status: []emulation.Status{{}, {Archs: []emulation.Support{{Arch: "amd64", Mode: emulation.Emulated, Version: "7.2.22"}}}},
		On:     []int{0, 1, 1},
	}
	p := New(on, targets, []graph.Graph{g, g, g})
	want := "linux/amd64 on a: native\nlinux/arm64 on b: emulated\nlinux/arm/v7 on b: emulated\n"
	if diff := cmp.Diff(want, p.String()); diff != "" || p.Shared["tool"] != 2 || !p.Programs["tool"].Emulated {
		t.Errorf("shared %d times, emulated: %v (-want +got):\n%s", p.Shared["tool"], p.Programs["tool"].Emulated, diff)
	}
	if on.SharesPrograms(0, []graph.Graph{g, g, g}) || !on.SharesPrograms(1, []graph.Graph{g, g, g}) {
		t.Error("a program of one target counts as shared, or one of two does not")
	}
}
