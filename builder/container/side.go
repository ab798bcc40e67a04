package container

import (
	"fmt"
)

// side is one of the two containers that a builder may have: the general one,
// and one on the host's network for the builds that ask for it. Both have the
// same settings when they are made; the caches are apart, since no two buildkitd
// can use one volume.
type side string

const (
	general side = ""
	onHost  side = "-host"
)

// sides are both, in the order in which they are listed.
func sides() []side { return []side{general, onHost} }

// container is the name of this side of a builder.
func (s side) container(builder string) string {
	return fmt.Sprintf("docker-multiarch-%s-%d%s", builder, nodeIndex, s)
}

// volume holds the cache of this side of a builder.
func (s side) volume(builder string) string { return volumeName(s.container(builder)) }

func (s side) other() side {
	if s == general {
		return onHost
	}
	return general
}

// sideOf tells which side of a builder a container is by its name. ok is false
// for one that is being prepared.
func sideOf(builder, container string) (s side, ok bool) {
	for _, s := range sides() {
		if s.container(builder) == container {
			return s, true
		}
	}
	return general, false
}
