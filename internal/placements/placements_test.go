package placements

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestTheLastNodeOfAContextIsRemembered(t *testing.T) {
	amd64, arm64 := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "arm64"}
	m := Memory{Dir: t.TempDir(), Project: "one"}
	m.Put(Last{"linux/amd64": "a", "linux/arm64": "a"})
	m.Put(Last{"linux/arm64": "b"})
	Memory{Dir: m.Dir, Project: "two"}.Put(Last{"linux/amd64": "c"})
	if diff := cmp.Diff([]platform.Platform{arm64}, m.Last().Of("b", []platform.Platform{amd64, arm64})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := m.Last().Of("c", []platform.Platform{amd64, arm64}); len(got) > 0 {
		t.Errorf("another context's node has built %v", got)
	}
}

func TestADamagedRecordIsNone(t *testing.T) {
	m := Memory{Dir: t.TempDir(), Project: "one"}
	m.Put(Last{"linux/amd64": "a"})
	if err := os.WriteFile(filepath.Join(m.Dir, m.name()+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := m.Last(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	m.Put(Last{"linux/amd64": "b"})
	if got := m.Last(); got["linux/amd64"] != "b" {
		t.Errorf("got %v", got)
	}
	Memory{}.Put(Last{"linux/amd64": "a"}) // has no folder
}

func TestABuildThatWasLeftIsRememberedForAMoment(t *testing.T) {
	m := Memory{Dir: t.TempDir(), Project: "one"}
	m.Leave("a", "first")
	m.Leave("a", "second")
	m.Leave("b", "other")
	if got := m.Left("a"); got != "second" {
		t.Errorf("got %q", got)
	}
	if got := (Memory{Dir: m.Dir, Project: "two"}).Left("a"); got != "" {
		t.Errorf("another context's build is %q", got)
	}
	old, _ := json.Marshal(left{"third", time.Now().Add(-ends - time.Second)})
	m.folder().Put(m.nameOn("a"), old)
	if got := m.Left("a"); got != "" {
		t.Errorf("got %q, which has ended long ago", got)
	}
}
