package builder

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestASuccessfulProbeHoldsForAWhile(t *testing.T) {
	t.Parallel()
	asked, _, err := platform.Parse("linux/amd64,linux/arm64")
	if err != nil {
		t.Fatal(err)
	}
	runs := func(arch string) emulation.Outcome { return emulation.Outcome{Arch: arch} }
	native := platform.Platform{OS: "linux", Architecture: "amd64"}
	good := emulation.Conclude(native, "no shell", runs("amd64"), runs("arm64"))
	bad := emulation.Conclude(native, "no shell", runs("amd64"), emulation.Outcome{Arch: "arm64", ExitStatus: 126})
	fresh := func() *Node { return &Node{ID: "id", Version: "v1", Platforms: []platform.Platform{native}} }
	p := probes{t.TempDir()}
	p.put(fresh(), asked, bad)
	if _, ok := p.recall(fresh(), asked); ok {
		t.Error("a failure is remembered")
	}
	p.put(fresh(), asked, good)
	if got, ok := p.recall(fresh(), asked); !ok || got.Mode(asked[1]) != emulation.Emulated {
		t.Errorf("%t, %+v", ok, got)
	}
	for name, change := range map[string]func(*Node){
		"another node":                func(n *Node) { n.ID = "other" },
		"another BuildKit":            func(n *Node) { n.Version = "v2" },
		"other platforms are listed":  func(n *Node) { n.Platforms = append(n.Platforms, asked[1]) },
		"an engine beside it":         func(n *Node) { n.Engine = &Engine{} },
		"a node that has no identity": func(n *Node) { n.ID = "" },
	} {
		n := fresh()
		change(n)
		if _, ok := p.recall(n, asked); ok {
			t.Errorf("%s: it is remembered", name)
		}
	}
	if _, ok := p.recall(fresh(), asked[:1]); ok {
		t.Error("it is remembered for other platforms")
	}
	for _, age := range []time.Duration{probeHolds, -time.Minute} {
		data, err := json.Marshal(ran{time.Now().Add(-age), good})
		if err != nil {
			t.Fatal(err)
		}
		p.folder().Put(p.key(fresh(), asked), data)
		if _, ok := p.recall(fresh(), asked); ok {
			t.Errorf("it holds after %s", age)
		}
	}
	if _, ok := (probes{}).recall(fresh(), asked); ok {
		t.Error("it is remembered without a folder")
	}
}
