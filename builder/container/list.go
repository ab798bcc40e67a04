package container

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Status is what can be said about a node without asking its BuildKit. A node may
// be two containers; then each has a Status.
type Status struct {
	Builder   string
	Node      int
	OnHost    bool // the container for builds that ask for the host's network, and for no others
	Driver    string
	Container string
	State     string            // the engine's word: "running", "exited", "paused", …
	Image     string            // as it was asked for
	BuildKit  string            // version
	Network   string            // "host", "" for the engine's default, or a network's name
	Volume    string            // that holds its cache
	Fixed     []string          // platforms that its user said it is for
	Flags     []string          // of buildkitd, as the user said them
	Options   map[string]string // driver options; values of env.* are masked
	Created   time.Time
}

// List returns the nodes of all builders on an engine, running or not, sorted by
// builder and node. Of a node with two containers the one for builds that ask for
// the host's network comes second.
func List(ctx context.Context, eng *engine.Engine) ([]Status, error) {
	items, err := eng.ListContainers(ctx, labelBuilder)
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, c := range items {
		if c.Labels[labelPart] != "" || len(c.Names) == 0 {
			continue
		}
		s, ok := sideOf(c.Labels[labelBuilder], strings.TrimPrefix(c.Names[0], "/"))
		if !ok {
			continue // one that is being prepared
		}
		out = append(out, statusOf(s, c.Labels, c.State, time.Unix(c.Created, 0)))
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Builder, b.Builder), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Container, b.Container))
	})
	return out, nil
}

func statusOf(side side, labels map[string]string, state container.ContainerState, created time.Time) Status {
	name := side.container(labels[labelBuilder])
	node, _ := strconv.Atoi(labels[labelNode]) // 0 in a label that somebody wrote by hand
	s, _ := parseSettings(labels[labelSettings])
	st := Status{
		Builder: labels[labelBuilder], Node: node, OnHost: side == onHost, Driver: labels[labelDriver], Container: name,
		State: string(state), Image: labels[labelImage], BuildKit: labels[labelVersion],
		Network: s.Network, Volume: volumeName(name), Fixed: s.Fixed, Flags: s.Flags, Options: map[string]string{}, Created: created,
	}
	for k, v := range s.Options {
		st.Options[k] = maskOption(k, v)
	}
	return st
}
