package container

import (
	"cmp"
	"context"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// observed is the state of a builder's container on the engine. The zero value means that there is
// none.
type observed struct {
	ID              string // of the container; "" if there is none
	Ours            bool   // it carries this builder's label, and is privileged: no project could have made it
	ImageID         string // of its image, as the engine shows it
	State           container.ContainerState
	ExitCode        int
	OOMKilled       bool
	Restarts        int      // how often the engine restarted it by itself
	PID             int      // of its main process, as the engine numbers it
	Settings        settings // those that it was made with
	Image           imageFacts
	SettingsProblem string // why Settings could not be read
}

func (o observed) running() bool { return o.State == container.StateRunning }

// observe reads the engine's state once.
func observe(ctx context.Context, eng *engine.Engine, e builder.Endpoint, s side) (observed, error) {
	c, found, err := eng.InspectContainer(ctx, s.container(e))
	if err != nil || !found {
		return observed{}, err
	}
	return convert(c, e), nil
}

func convert(c container.InspectResponse, e builder.Endpoint) observed {
	o := observed{ID: c.ID, ImageID: c.Image, Restarts: c.RestartCount}
	if c.State != nil {
		o.State, o.ExitCode, o.OOMKilled, o.PID = c.State.Status, c.State.ExitCode, c.State.OOMKilled, c.State.Pid
	}
	if c.Config == nil {
		return o
	}
	if isPeers(e) {
		return convertPeers(o, c)
	}
	labels := c.Config.Labels
	o.Ours = labels[labelBuilder] == e.Builder && labels[labelPart] == "" && c.HostConfig != nil && c.HostConfig.Privileged
	o.Image = factsFromLabels(labels)
	s, err := parseSettings(labels[labelSettings])
	if err != nil {
		o.SettingsProblem = err.Error()
	}
	s.Env = buildkitd.ProxyVars(c.Config.Env)
	o.Settings = s
	return o
}

// convertPeers reads the state of a container of docker buildx, which has no labels.
func convertPeers(o observed, c container.InspectResponse) observed {
	o.Ours, o.Image = true, imageFacts{Ref: c.Config.Image, ID: c.Image}
	if c.HostConfig != nil && c.HostConfig.NetworkMode == hostNetwork {
		o.Settings = settings{Network: hostNetwork, Chosen: chosenByFlag}
	}
	o.Image.Ref = cmp.Or(o.Image.Ref, DefaultImage)
	return o
}

// ownContainer finds a side of a node and refuses a container that is not ours.
func ownContainer(ctx context.Context, eng *engine.Engine, e builder.Endpoint, s side) (c container.InspectResponse, found bool, err error) {
	if err := builder.CheckName(e.Builder); err != nil {
		return c, false, err
	}
	if isPeers(e) && s == onHost {
		return c, false, nil
	}
	c, found, err = eng.InspectContainer(ctx, s.container(e))
	if err != nil || !found {
		return c, false, err
	}
	if !convert(c, e).Ours {
		return c, false, &ForeignError{s.container(e)}
	}
	return c, true, nil
}
