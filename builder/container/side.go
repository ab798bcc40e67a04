package container

import (
	"context"
	"fmt"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
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

// ownContainer finds a side of a builder and refuses a container that is not ours.
func ownContainer(ctx context.Context, eng *engine.Engine, name string, s side) (c container.InspectResponse, found bool, err error) {
	if err := builder.CheckName(name); err != nil {
		return c, false, err
	}
	c, found, err = eng.InspectContainer(ctx, s.container(name))
	if err != nil || !found {
		return c, false, err
	}
	if !convert(c, name).Ours {
		return c, false, fmt.Errorf("container %q was not made by docker multiarch: leaving it alone", s.container(name))
	}
	return c, true, nil
}

// asksForHost says whether this build asks for the host's network, and in which
// words ("" if in none that are known).
func (s Spec) asksForHost() (words string, asks bool) {
	if network, ok := s.Options[optNetwork]; ok {
		return "--driver-opt network=host", network == hostNetwork
	}
	if s.Host.Asked {
		return s.Host.For, true
	}
	if mirrors := s.Daemon.Config.LoopbackMirrors(); len(mirrors) > 0 {
		return fmt.Sprintf("the mirror %s in BuildKit's configuration", mirrors[0]), true
	}
	return "", false
}
