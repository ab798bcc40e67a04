package builder

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Status is what can be said about a node without asking its BuildKit.
type Status struct {
	Builder   string
	Node      int
	Driver    string
	Container string
	State     string // the engine's word: "running", "exited", "paused", …
	Image     string // as it was asked for
	BuildKit  string // version
	Network   string // "host", "" for the engine's default, or a network's name
	Volume    string // that holds its cache
	Created   time.Time
}

// List returns the nodes of all builders on an engine, running or not, sorted by
// builder and node.
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
		name := strings.TrimPrefix(c.Names[0], "/")
		if name != containerName(c.Labels[labelBuilder]) {
			continue // one that is being prepared
		}
		out = append(out, statusOf(name, c.Labels, c.State, time.Unix(c.Created, 0)))
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Builder, b.Builder), cmp.Compare(a.Node, b.Node))
	})
	return out, nil
}

func statusOf(name string, labels map[string]string, state container.ContainerState, created time.Time) Status {
	node, _ := strconv.Atoi(labels[labelNode]) // 0 in a label that somebody wrote by hand
	s, _ := parseSettings(labels[labelSettings])
	return Status{
		Builder: labels[labelBuilder], Node: node, Driver: labels[labelDriver], Container: name,
		State: string(state), Image: labels[labelImage], BuildKit: labels[labelVersion],
		Network: s.Network, Volume: volumeName(name), Created: created,
	}
}

// Details is all that is known about a node. Its lists are sorted.
type Details struct {
	Status
	Platforms  []ocispecs.Platform // of its worker, native first; nil unless it runs
	Proxies    map[string]string   // passwords are masked
	Options    map[string]string   // driver options; values of env.* are masked
	CertHosts  []string            // registries that it has certificates for
	Insecure   []string            // registries that the engine trusts without verifying, and so does it
	Mirrors    []string            // of Docker Hub
	AddHosts   []string
	UserConfig bool   // it has a BuildKit configuration of the user's
	RunNetwork string // what RUN steps see: "bridge" (BuildKit's own) or "builder" (what the builder sees)
	Tool       string // version of the program that made it
	ID         string // of the container
	Builds     int    // running builds; 0 unless it runs
}

// Inspect describes a builder's node. found is false when there is none. A
// running BuildKit is asked for its platforms and builds; that it does not answer
// is no error, they stay empty then.
func Inspect(ctx context.Context, eng *engine.Engine, name string) (d Details, found bool, err error) {
	c, found, err := ownContainer(ctx, eng, name)
	if err != nil || !found {
		return Details{}, false, err
	}
	created, _ := time.Parse(time.RFC3339Nano, c.Created)
	have := convert(c, name)
	d = Details{
		Status:     statusOf(containerName(name), c.Config.Labels, have.State, created),
		Proxies:    map[string]string{},
		Options:    map[string]string{},
		CertHosts:  slices.Sorted(maps.Keys(have.Settings.Certs)),
		Insecure:   have.Settings.Insecure,
		Mirrors:    have.Settings.Mirrors,
		AddHosts:   have.Settings.AddHosts,
		UserConfig: have.Settings.Config != "",
		RunNetwork: "builder",
		Tool:       c.Config.Labels[labelTool],
		ID:         c.ID,
	}
	if have.Settings.Network == hostNetwork && have.Image.Bridge {
		d.RunNetwork = "bridge"
	}
	for k, v := range have.Settings.Env {
		d.Proxies[k] = maskProxy(v)
	}
	for k, v := range have.Settings.Options {
		d.Options[k] = maskOption(k, v)
	}
	if !have.running() {
		return d, true, nil
	}
	if a, err := (target{eng: eng, id: c.ID, pid: have.PID, local: localEngine(eng.Host())}).ask(ctx); err == nil {
		defer a.client.Close()
		d.Platforms = a.workers[0].Platforms
		d.BuildKit = a.workers[0].BuildkitVersion.Version
		d.Builds, _ = countBuilds(ctx, a.client)
	}
	return d, true, ctx.Err()
}

// ownContainer finds a builder's container and refuses one that is not ours.
func ownContainer(ctx context.Context, eng *engine.Engine, name string) (c container.InspectResponse, found bool, err error) {
	if err := CheckName(name); err != nil {
		return c, false, err
	}
	c, found, err = eng.InspectContainer(ctx, containerName(name))
	if err != nil || !found {
		return c, false, err
	}
	if !convert(c, name).Ours {
		return c, false, fmt.Errorf("container %q was not made by docker multiarch: leaving it alone", containerName(name))
	}
	return c, true, nil
}
