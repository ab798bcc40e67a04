package container

import (
	"fmt"
)

// side is one of the two containers that a builder may have: the general one, and one on the host's
// network for the builds that ask for it. Both are made with the same settings. They have separate
// caches, since two buildkitd cannot use one volume.
type side string

const (
	general side = ""
	onHost  side = "-host"
)

// sides returns both, in the order in which they are listed.
func sides() []side { return []side{general, onHost} }

// container returns the name of this side's container.
func (s side) container(builder string) string {
	return fmt.Sprintf("docker-multiarch-%s-%d%s", builder, nodeIndex, s)
}

// volume returns the name of the volume with this side's cache.
func (s side) volume(builder string) string { return volumeName(s.container(builder)) }

func (s side) other() side {
	if s == general {
		return onHost
	}
	return general
}

// sideOf returns the side of a builder that a container's name stands for. ok is false for a container
// that is being prepared.
func sideOf(builder, container string) (s side, ok bool) {
	for _, s := range sides() {
		if s.container(builder) == container {
			return s, true
		}
	}
	return general, false
}
