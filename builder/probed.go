package builder

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// probeHolds is how long a probe that found all platforms running is not repeated on a node that has neither a shell nor an engine beside it: it
// runs a container for each architecture, and this program cannot take away what it found.
const probeHolds = 10 * time.Minute

// probes remembers such probes in a folder of the user's cache. Failures are not remembered.
type probes struct{ dir string } // "" remembers nothing

// ran is a probe that is remembered.
type ran struct {
	At     time.Time
	Status emulation.Status
}

func (p probes) folder() cachedir.Folder {
	return cachedir.Folder{Dir: p.dir, Suffix: ".json", Max: 256 << 10, MaxFile: 16 << 10}
}

// key names the probe of some platforms on a node, for as long as its BuildKit reports the same platforms.
func (p probes) key(n *Node, ps []platform.Platform) string {
	words := append([]string{"ran", n.ID, n.Version}, platform.FormatAll(n.Platforms)...)
	for _, a := range emulation.ArchsOf(ps...) {
		words = append(words, "for "+a.Name)
	}
	return digest.FromString(strings.Join(words, "\n")).Encoded()
}

// about reports whether probes of the node are remembered.
func (p probes) about(n *Node) bool { return p.dir != "" && n.ID != "" && n.Engine == nil }

func (p probes) recall(n *Node, ps []platform.Platform) (emulation.Status, bool) {
	var last ran
	if !p.about(n) || json.Unmarshal(p.folder().Get(p.key(n, ps)), &last) != nil {
		return emulation.Status{}, false
	}
	age := time.Since(last.At)
	return last.Status, age >= 0 && age < probeHolds && last.Status.Require(emulation.Emulated, ps...) == nil
}

func (p probes) put(n *Node, ps []platform.Platform, status emulation.Status) {
	if !p.about(n) || status.Require(emulation.Emulated, ps...) != nil {
		return
	}
	if data, err := json.Marshal(ran{time.Now(), status}); err == nil {
		p.folder().Put(p.key(n, ps), data)
	}
}
