// Package placements remembers which node was the last to build each platform of a build context: the node has its cache.
package placements

import (
	"encoding/json"

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
