package container

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// opened connects to a node, which is closed with the test, and returns its container and what was said.
func opened(t *testing.T, w *world, e builder.Endpoint, want builder.Spec) (container string, said []string) {
	t.Helper()
	d := Driver{Engine: func(string) (*engine.Engine, error) { return w.eng, nil }}
	want.BusyWait = -1
	n, err := d.Connect(t.Context(), e, want, func(line string) { said = append(said, line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	all, err := List(t.Context(), w.eng)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Builder == e.Builder && s.Node == e.Index {
			container = s.Container
		}
	}
	return container, said
}

func TestTheNodesOfABuilderOnOneEngineHaveContainersOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	zero := builder.Endpoint{Builder: "b", Node: "b0", Driver: DriverName, Options: Options{"memory": "1g"}}
	one := builder.Endpoint{Builder: "b", Node: "small", Index: 1, Driver: DriverName, Options: Options{"memory": "2g"}, Flags: []string{"--debug"}}
	other := builder.Endpoint{Builder: "b-1", Driver: DriverName} // its names contain those of one
	for e, want := range map[*builder.Endpoint]string{&zero: "docker-multiarch-b-0", &one: "docker-multiarch-b-1", &other: "docker-multiarch-b-1-0"} {
		got, said := opened(t, w, *e, builder.Spec{Daemon: buildkitd.Settings{Flags: []string{"--oci-worker-gc"}}})
		if got != want {
			t.Errorf("%s is in %s", e, got)
		}
		if e == &one && !slices.Contains(said, `builder "b", node "small": creating`) {
			t.Errorf("said %q", said)
		}
	}
	c := w.fake.Named("docker-multiarch-b-1")
	if c.HostConfig.Memory != 2<<30 || c.Config.Cmd[len(c.Config.Cmd)-1] != "--debug" || c.HostConfig.Mounts[0].Source != "docker-multiarch-b-1-state" {
		t.Errorf("the node is %+v, %+v", c.Config, c.HostConfig)
	}
	d := Driver{Engine: func(string) (*engine.Engine, error) { return w.eng, nil }}
	if found, err := d.Remove(t.Context(), one, builder.RemoveOptions{}); !found || err != nil {
		t.Error(found, err)
	}
	var left []string
	for _, c := range w.fake.Containers() {
		left = append(left, c.Name)
	}
	slices.Sort(left)
	if d := cmp.Diff([]string{"docker-multiarch-b-0", "docker-multiarch-b-1-0"}, left); d != "" {
		t.Error(d)
	}
}

func TestANodeThatJoinsABuilderKeepsItsContainer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustEnsure(t, want{Name: "b", Options: Options{"memory": "1g"}})
	before := w.only(t).ID
	if c, _ := opened(t, w, builder.Endpoint{Builder: "b", Node: "b0", Driver: DriverName, Address: "here"}, builder.Spec{}); c != "docker-multiarch-b-0" || w.only(t).ID != before {
		t.Errorf("it is in %s", c)
	}
}

func TestTheHostsNetworkOfANodeIsThatOfAllBuilds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := builder.Endpoint{Builder: "b", Node: "b0", Driver: DriverName, Options: Options{"network": "host"}}
	for _, asks := range []bool{false, true} {
		if c, _ := opened(t, w, e, builder.Spec{Host: builder.HostNetwork{Requested: asks}}); c != "docker-multiarch-b-0" || w.only(t).HostConfig.NetworkMode != "host" {
			t.Errorf("it is in %s", c)
		}
	}
}

func TestAnErrorNamesTheNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fake.Pull = func(string) error { return errors.New("no route") }
	w.fake.Images = map[string]string{}
	d := Driver{Engine: func(string) (*engine.Engine, error) { return w.eng, nil }}
	_, err := d.Connect(context.Background(), builder.Endpoint{Builder: "b", Node: "b1", Index: 1, Driver: DriverName}, builder.Spec{}, nil)
	if err == nil || !strings.HasPrefix(err.Error(), `builder "b", node "b1": `) {
		t.Error(err)
	}
	var image *ImageError
	if !errors.As(err, &image) {
		t.Error(err)
	}
}
