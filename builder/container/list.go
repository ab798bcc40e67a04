package container

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// List returns the nodes of all builders on an engine, running or not, sorted by builder and node. If a
// node has two containers, the one for builds that ask for the host's network comes second.
func List(ctx context.Context, eng *engine.Engine) ([]builder.Status, error) {
	items, err := eng.ListContainers(ctx, labelBuilder)
	if err != nil {
		return nil, err
	}
	var out []builder.Status
	for _, c := range items {
		if c.Labels[labelPart] != "" || len(c.Names) == 0 {
			continue
		}
		s, ok := sideOf(endpointOf(c.Labels), strings.TrimPrefix(c.Names[0], "/"))
		if !ok {
			continue // a container that is being prepared
		}
		out = append(out, statusOf(s, c.Labels, c.State, time.Unix(c.Created, 0)))
	}
	slices.SortFunc(out, func(a, b builder.Status) int {
		return cmp.Or(cmp.Compare(a.Builder, b.Builder), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Container, b.Container))
	})
	return out, nil
}

// endpointOf returns the endpoint that a container was made for, as far as its labels say.
func endpointOf(labels map[string]string) builder.Endpoint {
	e := builder.Endpoint{Builder: labels[labelBuilder]}
	e.Index, _ = strconv.Atoi(labels[labelNode]) // 0 if the label was written by hand
	return e
}

func statusOf(side side, labels map[string]string, state container.ContainerState, created time.Time) builder.Status {
	e := endpointOf(labels)
	name := side.container(e)
	s, _ := parseSettings(labels[labelSettings])
	st := builder.Status{
		Builder: e.Builder, Node: e.Index, OnHost: side == onHost, Driver: labels[labelDriver], Container: name,
		State: string(state), Image: labels[labelImage], BuildKit: labels[labelVersion],
		Network: s.Network, Volume: volumeName(name), Fixed: s.Fixed, Flags: s.Flags, Options: map[string]string{}, Created: created,
	}
	for k, v := range s.Options {
		st.Options[k] = builder.MaskOption(k, v)
	}
	return st
}
