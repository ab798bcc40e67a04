package main

import (
	"context"
	"errors"
	"testing"

	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/builder/store"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// connecting is a driver that only connects, to the BuildKits at some addresses.
type connecting map[string]*buildkittest.Control

func (d connecting) Connect(ctx context.Context, e builder.Endpoint, _ builder.Spec, _ func(string)) (*builder.Node, error) {
	c, ok := d[e.Address]
	if !ok {
		return nil, errors.New("connection refused")
	}
	conn, err := c.Client(ctx)
	if err != nil {
		return nil, err
	}
	var ps []platform.Platform
	for _, p := range c.Platforms {
		ps = append(ps, platform.Platform{OS: p.OS, Architecture: p.Architecture})
	}
	return &builder.Node{Endpoint: e, Version: "v0.34.2", Platforms: ps, Client: conn, Disconnect: conn.Close}, nil
}

// withFarm defines builder "farm" with three nodes: a container on the current engine, a BuildKit that answers, and one that does not.
func (s *harness) withFarm(more ...builder.Endpoint) *enginetest.Engine {
	s.T.Helper()
	fake := s.withBuilders()
	s.Env.Drivers["test"] = connecting{"tcp://arm:1": buildkittest.NewControl(s.T, &pb.Platform{OS: "linux", Architecture: "arm64"})}
	s.Env.Drivers[container.DriverName] = container.Driver{Engine: func(address string) (*engine.Engine, error) {
		if address != "" {
			return nil, errors.New("no such context")
		}
		return s.Env.Engine(), nil
	}}
	farm := builder.Builder{Name: "farm", Nodes: append([]builder.Endpoint{
		{Node: "desk", Driver: container.DriverName}, {Node: "arm", Index: 1, Driver: "test", Address: "tcp://arm:1"}, {Node: "gone", Index: 2, Driver: "test", Address: "tcp://gone:1"},
	}, more...)}
	if err := s.Env.Builders().Change(s.T.Context(), func(f *store.File) (bool, error) { f.Put(farm); return true, nil }); err != nil {
		s.T.Fatal(err)
	}
	return fake
}

func TestEachNodeOfABuilderIsShown(t *testing.T) {
	s := newHarness(t)
	s.withFarm()
	table := s.Normal(s.must("builder", "ls"))
	clitest.Contains(t, table, "NAME/NODE  DRIVER/ENDPOINT  STATUS  BUILDKIT  NETWORK  PLATFORMS\n", "farm  docker-container, test  ",
		` \_ desk  \_ unix:///engine.sock  inactive`, ` \_ arm  \_ tcp://arm:1  running  v0.34.2  linux/arm64`, ` \_ gone  \_ tcp://gone:1  error`)
	clitest.Contains(t, s.Err.String(), `builder "farm", node "gone" at tcp://gone:1: connection refused`)
	clitest.Contains(t, s.must("builder", "ls", "--format", "json"), `{"Name":"farm","Driver":"docker-container, test","Current":false,"Nodes":[{"Name":"desk"`,
		`{"Name":"arm","Driver":"test","Endpoint":"tcp://arm:1","Status":"running","Version":"v0.34.2","Platforms":["linux/arm64"]`,
		`{"Name":"gone","Driver":"test","Endpoint":"tcp://gone:1","Status":"error","Platforms":[],"Image":"","Container":"","Volume":"","Network":"",`+
			`"Err":"connection refused"}`)
	clitest.Contains(t, s.must("builder", "ls", "--format", "{{.Name}} {{.Status}} {{.Error}}"), "farm running connection refused\n")
	clitest.Contains(t, s.Normal(s.must("builder", "inspect", "farm")), "Name:  arm\nDriver:  test\nEndpoint:  tcp://arm:1\n", "Active builds:  0\n",
		"Cache:  130B (30B reclaimable)\n", "Name:  gone\nDriver:  test\nEndpoint:  tcp://gone:1\nStatus:  error\nError:  connection refused\n")
}

func TestAllNodesAreBootedAlsoIfOneCannotBe(t *testing.T) {
	s := newHarness(t)
	s.withFarm()
	s.Env.Drivers[container.DriverName] = s.Env.Drivers["test"] // the fake engine's BuildKit never answers
	if status := s.Command("builder", "inspect", "--bootstrap", "farm"); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), `builder "farm", node "gone" at tcp://gone:1: connection refused`, `builder "farm", node "desk": connection refused`)
	clitest.Contains(t, s.Normal(s.Out.String()), "Name:  arm\n", "BuildKit version:  v0.34.2\n", "Error:  connection refused\n")
}

func TestACacheOfSeveralNodesIsShownAndPrunedByNode(t *testing.T) {
	s := newHarness(t)
	s.withFarm()
	for _, tt := range []struct {
		args  []string
		lines []string
	}{
		{[]string{"du", "farm"}, []string{"a  false  100B", "b  true  30B", "Reclaimable:\t30B\nTotal:\t\t130B\n"}},
		{[]string{"du", "farm", "--format", "json"}, []string{`"ID":"b"`, `"Node":"arm"`}},
		{[]string{"prune", "farm", "-f"}, []string{"NODE\n", "  arm\n", "Total:\t30B\n"}},
	} {
		s.Out.Reset()
		s.Err.Reset()
		if status := s.Command(append([]string{"builder"}, tt.args...)...); status != cli.ExitFailed {
			t.Errorf("%q with a node that does not answer: status %d", tt.args, status)
		}
		clitest.Contains(t, s.Normal(s.Out.String()), tt.lines...)
		clitest.Contains(t, s.Err.String(), `builder "farm", node "gone" at tcp://gone:1: connection refused`)
	}
}

func TestABuilderIsStoppedAndRemovedOnEachOfItsNodes(t *testing.T) {
	s := newHarness(t)
	fake := s.withFarm(builder.Endpoint{Node: "away", Index: 3, Driver: container.DriverName, Address: "nowhere"})
	spec := container.Spec{Endpoint: builder.Endpoint{Builder: "farm"}}
	if err := container.Create(t.Context(), s.Env.Engine(), spec, container.CreateOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"builder", "stop", "farm"}, {"builder", "rm", "farm"}} {
		s.Err.Reset()
		if status := s.Command(args...); status != cli.ExitFailed {
			t.Errorf("%q: status %d", args, status)
		}
		clitest.Contains(t, s.Err.String(), `builder "farm", node "arm" is not managed by docker multiarch: its BuildKit at tcp://arm:1 keeps running`,
			`builder "farm", node "away" at nowhere: no such context`)
	}
	clitest.Contains(t, s.Err.String(), `builder "farm" keeps these nodes in `, "--force removes their definition")
	kept, err := s.Env.Builder(s.T.Context(), "farm")
	if err != nil || len(kept.Nodes) != 1 || kept.Nodes[0].Node != "away" || len(fake.Containers()) > 0 {
		t.Errorf("kept are %+v, %v, and %d containers", kept.Nodes, err, len(fake.Containers()))
	}
	if err := s.Env.Choose(t.Context(), "farm", false); err != nil {
		t.Fatal(err)
	}
	s.must("builder", "rm", "--force", "farm")
	clitest.Contains(t, s.Err.String(), "what it has on these nodes stays there")
	if all, err := s.Env.StoredBuilders(); len(all) > 0 || err != nil || using(t, s) != builder.DefaultName {
		t.Errorf("defined are %+v, %v, and %q is used", all, err, using(t, s))
	}
}

func TestABuilderOfWhichANodeMayRunIsNotInactive(t *testing.T) {
	s := newHarness(t)
	fake := s.withFarm()
	s.must("builder", "create", "--name", "other")
	clitest.Contains(t, s.must("builder", "rm", "--all-inactive", "-f"), "other\n")
	if all, _ := s.Env.StoredBuilders(); len(all) != 1 || len(fake.Containers()) > 0 {
		t.Errorf("%d builders are defined, and %d containers are left", len(all), len(fake.Containers()))
	}
	delete(s.Env.Drivers["test"].(connecting), "tcp://arm:1")
	s.must("builder", "rm", "--all-inactive", "-f")
	clitest.Contains(t, s.Err.String(), `builder "farm" is not removed, since a node of it may run: builder "farm", node "arm" at tcp://arm:1: connection refused`)
}

func TestTheEmulatorsOfNodesWithoutAnEngineAreNamedForTheirMachine(t *testing.T) {
	s := newHarness(t)
	s.withFarm()
	drop := func(f *store.File) (bool, error) {
		b, _, err := f.Builder("farm")
		b.Nodes = b.Nodes[1:]
		f.Put(b)
		return true, err
	}
	if err := s.Env.Builders().Change(t.Context(), drop); err != nil {
		t.Fatal(err)
	}
	s.must("emulators", "status", "--builder", "farm")
	clitest.Contains(t, s.Out.String(), "Node gone at tcp://gone:1: connection refused\n", "NODE   PLATFORM")
	if status := s.Command("emulators", "install", "--builder", "farm", "linux/s390x"); status != cli.ExitFailed {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), `builder "farm", node "gone" at tcp://gone:1: connection refused`)
	if status := s.Command("doctor", "--builder", "farm"); status != cli.ExitFailed {
		t.Errorf("a node that does not answer: status %d", status)
	}
	clitest.Contains(t, s.Normal(s.Out.String()), "Node gone\n", "broken  node  test at tcp://gone:1: connection refused\n",
		"ok  node  test at tcp://arm:1: running, BuildKit v0.34.2, native platforms linux/arm64\n", "warning  tls  the connection is not encrypted")
}
