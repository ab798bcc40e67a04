// Package placements remembers which node was the last to build each platform of a build context: the node has its cache. It also remembers the
// builds of a context whose clients did not wait for their ends.
package placements

import (
	"encoding/json"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Memory is a folder of such records, which may be deleted at any time. Several programs that write at the same time may lose records of one
// another.
type Memory struct {
	Dir     string // "" remembers nothing
	Project string // identifies the build context
}

func (m Memory) folder() cachedir.Folder {
	return cachedir.Folder{Dir: m.Dir, Suffix: ".json", Max: 256 << 10, MaxFile: 8 << 10}
}

func (m Memory) name() string { return digest.FromString(m.Project).Encoded() }

// Last has a node by the platform's text.
type Last map[string]string

// Last returns the last nodes; it is empty if nothing is remembered, or if the record is damaged.
func (m Memory) Last() Last {
	var last Last
	if json.Unmarshal(m.folder().Get(m.name()), &last) != nil || last == nil {
		return Last{}
	}
	return last
}

// Of returns those of the platforms that the node was the last to build.
func (l Last) Of(node string, all []platform.Platform) (built []platform.Platform) {
	for _, p := range all {
		if l[platform.Format(p)] == node {
			built = append(built, p)
		}
	}
	return built
}

// Put records the nodes of the platforms that have one.
func (m Memory) Put(nodes Last) {
	last, changed := m.Last(), false
	for name, node := range nodes {
		if last[name] != node {
			last[name], changed = node, true
		}
	}
	if !changed {
		return
	}
	if data, err := json.Marshal(last); err == nil {
		m.folder().Put(m.name(), data)
	}
}

// left is a build whose client did not wait for its end.
type left struct {
	Ref string
	At  time.Time
}

// ends is how long such a build may still matter.
const ends = 10 * time.Second

func (m Memory) nameOn(node string) string {
	return digest.FromString(m.Project + "\n" + node).Encoded()
}

// Leave records that the client of a build on a node has left before the build's end.
func (m Memory) Leave(node, ref string) {
	if data, err := json.Marshal(left{ref, time.Now()}); err == nil {
		m.folder().Put(m.nameOn(node), data)
	}
}

// Left returns the last build on a node that was left a moment ago; "" if there is none.
func (m Memory) Left(node string) (ref string) {
	var l left
	if json.Unmarshal(m.folder().Get(m.nameOn(node)), &l) != nil || time.Since(l.At) > ends {
		return ""
	}
	return l.Ref
}
