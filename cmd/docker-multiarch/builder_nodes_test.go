package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

// withContexts gives the harness the engines of two Docker contexts, "default" and "there".
func (s *harness) withContexts() (here, there *enginetest.Engine) {
	s.T.Helper()
	there = s.withBuilders()
	far := s.Env.Engine()
	here = s.withBuilders()
	near := s.Env.Engine()
	s.Env.EngineAt = func(address string) (*engine.Engine, error) {
		switch address {
		case "", "unix:///engine.sock":
			return near, nil
		case "there":
			return far, nil
		}
		return nil, errors.New("there is no such context")
	}
	s.Env.Drivers = drivers(s.Env)
	return here, there
}

// stored returns the nodes of a builder in the file.
func (s *harness) stored(name string) (nodes []string) {
	s.T.Helper()
	f, err := s.Env.Builders().Read()
	if err != nil {
		s.T.Fatal(err)
	}
	b, _, err := f.Builder(name)
	if err != nil {
		s.T.Fatal(err)
	}
	for _, n := range b.Nodes {
		nodes = append(nodes, n.Node+" "+n.Driver+" "+n.Address+" "+n.Options["memory"])
	}
	return nodes
}

func (s *harness) expectStored(want ...string) {
	s.T.Helper()
	if got := s.stored("b"); strings.Join(got, "; ") != strings.Join(want, "; ") {
		s.T.Errorf("the nodes are %q", got)
	}
}

// refused runs a command that has to fail with these words.
func (s *harness) refused(words string, args ...string) {
	s.T.Helper()
	s.Err.Reset()
	if status := s.Command(args...); status == 0 {
		s.T.Errorf("%q: status 0", args)
	}
	clitest.Contains(s.T, s.Err.String(), words)
}

func TestNodesJoinChangeAndLeave(t *testing.T) {
	s := newHarness(t)
	here, there := s.withContexts()
	s.must("builder", "create", "--name", "b", "--driver-opt", "memory=1g")
	s.expectStored()
	before := here.Named("docker-multiarch-b-0")

	s.must("builder", "create", "--append", "--name", "b", "--node", "arm", "--platform", "linux/arm64", "there")
	s.expectStored("b0 docker-container unix:///engine.sock ", "arm docker-container there ")
	if here.Named("docker-multiarch-b-0") != before || len(there.Containers()) != 0 {
		t.Error("a container was made or replaced")
	}
	s.must("builder", "create", "--append", "--name", "b", "--platform", "linux/arm64", "--driver-opt", "memory=3g", "there")
	clitest.Contains(t, s.Err.String(), "linux/arm64: given to the nodes arm, b2; each build uses one of them, first a native one, then the least busy one")
	s.must("builder", "create", "--name", "b", "--node", "arm", "--driver-opt", "memory=2g")
	s.must("builder", "use", "b")
	if got := using(t, s); got != "b" {
		t.Errorf("%q is used", got)
	}
	kept := []string{"b0 docker-container unix:///engine.sock ", "arm docker-container there 2g", "b2 docker-container there 3g"}
	s.expectStored(kept...)

	s.refused(`node "b2" of builder "b" is the same already`, "builder", "create", "--append", "--name", "b", "--platform", "linux/arm64", "--driver-opt", "memory=3g", "there")
	s.refused("--append adds one", "builder", "create", "--name", "b")
	s.refused("add --append", "builder", "create", "--name", "b", "--node", "new", "there")
	s.refused("leave out --append", "builder", "create", "--append", "--name", "b", "--node", "arm")
	s.refused("there is no such context", "builder", "create", "--append", "--name", "b", "nowhere")
	s.refused(`did you mean "docker-container"?`, "builder", "create", "--append", "--name", "b", "--driver", "docker-containr")
	s.refused("is none of Kubernetes", "builder", "create", "--driver", "kubernetes", "tcp://host:1")
	s.refused(`did you mean "replicas"?`, "builder", "create", "--driver", "kubernetes", "--driver-opt", "replica=2")
	s.refused("contradict each other", "builder", "create", "--driver", "kubernetes", "--driver-opt", "requests.cpu=2,limits.cpu=1")
	s.refused(`has no node "x"`, "builder", "create", "--leave", "--name", "b", "--node", "x")
	s.refused("--name and --node", "builder", "create", "--leave", "--name", "b")
	s.refused("no endpoint", "builder", "create", "--leave", "--name", "b", "--node", "arm", "there")
	s.refused("--append needs --name", "builder", "create", "--append", "there")
	s.refused("invalid node name", "builder", "create", "--name", "b", "--node", "no name")
	s.refused("needs the address of a BuildKit", "builder", "create", "--append", "--name", "b", "--driver", "remote")
	s.refused("reached by tpc://; did you mean tcp://?", "builder", "create", "--append", "--name", "b", "--driver", "remote", "tpc://h:1")
	s.refused("there is no file", "builder", "create", "--append", "--name", "b", "--driver", "remote", "--driver-opt", "cacert=/none.pem", "tcp://h:1")
	s.refused("flags", "builder", "create", "--append", "--name", "b", "--driver", "remote", "--buildkitd-flags", "--debug", "tcp://h:1")
	s.refused(`did you mean "cacert"?`, "builder", "create", "--append", "--name", "b", "--driver", "remote", "--driver-opt", "cacrt=/x", "tcp://h:1")
	s.expectStored(kept...)
	s.must("builder", "create", "--append", "--name", "b", "--driver", "remote", "tcp://h:1")
	s.refused("several drivers", "builder", "create", "--append", "--name", "b", "tcp://h:2")
	s.must("builder", "create", "--leave", "--name", "b", "--node", "b3")
	s.expectStored(kept...)

	s.must("builder", "create", "--leave", "--name", "b", "--node", "b0")
	if len(here.Containers()) != 0 {
		t.Error("the container of the node that left is still there")
	}
	s.must("builder", "create", "--leave", "--name", "b", "--node", "arm")
	s.refused("docker multiarch builder rm b", "builder", "create", "--leave", "--name", "b", "--node", "b2")
	s.expectStored("b2 docker-container there 3g")
}

func TestABuilderElsewhereIsStoredAndOneHereIsNot(t *testing.T) {
	s := newHarness(t)
	here, _ := s.withContexts()
	s.must("builder", "create", "--name", "b", "there")
	s.expectStored("b0 docker-container there ")
	s.must("builder", "create", "--name", "c", "unix:///engine.sock")
	if got := s.stored("c"); got != nil || here.Named("docker-multiarch-c-0") == nil {
		t.Errorf("stored: %q", got)
	}
	s.refused("docker multiarch builder rm c", "builder", "create", "--leave", "--name", "c", "--node", "c0")
	s.refused(`its only node is "c0"`, "builder", "create", "--name", "c", "--node", "other")
	s.must("builder", "create", "--append", "--name", "d", "there")
	clitest.Contains(t, s.Err.String(), `there is no builder "d" yet`)
}

func TestANodeThatDoesNotStartIsNotStored(t *testing.T) {
	s := newHarness(t)
	_, there := s.withContexts()
	spec := s.Env.Spec
	s.Env.Spec = func(ctx context.Context, opt cli.ConnectOptions) (builder.Builder, builder.Spec, error) {
		b, want, err := spec(ctx, opt)
		want.StartWait = time.Millisecond
		return b, want, err
	}
	s.refused(`builder "b"`, "builder", "create", "--name", "b", "--bootstrap", "there")
	if got := s.stored("b"); got != nil || len(there.Containers()) != 0 {
		t.Errorf("stored: %q, and there are %d containers", got, len(there.Containers()))
	}
	if _, err := os.Stat(chosenFile(s)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
