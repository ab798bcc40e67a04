package container

import (
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/builder"
)

// side is one of the two containers that a node may have: the general one, and one on the host's
// network for the builds that ask for it. Both are made with the same settings. They have separate
// caches, since two buildkitd cannot use one volume.
type side string

const (
	general side = ""
	onHost  side = "-host"
)

// sides returns both, in the order in which they are listed.
func sides() []side { return []side{general, onHost} }

// container returns the name of this side's container. Read from its end, the name stands for one node of one
// builder, whatever builders are named.
func (s side) container(e builder.Endpoint) string {
	if isPeers(e) {
		return peerContainer(e)
	}
	return fmt.Sprintf("docker-multiarch-%s-%d%s", e.Builder, e.Index, s)
}

// volume returns the name of the volume with this side's cache.
func (s side) volume(e builder.Endpoint) string { return volumeName(s.container(e)) }

// bridge returns the key of the bridge that this side has on its host.
func (s side) bridge(e builder.Endpoint) string {
	if e.Index == 0 {
		return e.Builder + string(s)
	}
	return fmt.Sprintf("%s/%d%s", e.Builder, e.Index, s) // no builder has a slash in its name
}

func (s side) other() side {
	if s == general {
		return onHost
	}
	return general
}

// sideOf returns the side of a node that a container's name stands for. ok is false for a container
// that is being prepared.
func sideOf(e builder.Endpoint, container string) (s side, ok bool) {
	for _, s := range sides() {
		if s.container(e) == container {
			return s, true
		}
	}
	return general, false
}

// PeerDriverName is the key of [PeerDriver]. Its users see DriverName.
const PeerDriverName = "buildx-container"

// isPeers reports whether docker buildx makes the node's container.
func isPeers(e builder.Endpoint) bool { return e.Driver == PeerDriverName }

func peerContainer(e builder.Endpoint) string { return "buildx_buildkit_" + e.Node }
