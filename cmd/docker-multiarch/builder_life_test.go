package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	mobycontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/system"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

// withBuilders gives the harness an engine that has a BuildKit image, but whose BuildKit never answers.
func (s *harness) withBuilders() *enginetest.Engine {
	s.T.Helper()
	fake := &enginetest.Engine{
		Info: system.Info{ID: "E", OSType: "linux", NCPU: 4}, Images: map[string]string{container.DefaultImage: "sha256:stable"},
		Origins: map[string][]string{"sha256:stable": {"docker.io/moby/buildkit"}},
		Process: func(_ *enginetest.Container, _ []string, _ io.Reader, stdout, _ io.Writer) int {
			fmt.Fprintln(stdout, "buildkitd github.com/moby/buildkit v0.33.1 abc")
			return 0
		},
	}
	eng := engine.New(fake.Start(s.T))
	s.Env.Engine = func() *engine.Engine { return eng }
	s.Env.EngineAt = func(string) (*engine.Engine, error) { return eng, nil }
	s.Env.Drivers = drivers(s.Env)
	s.Env.Spec = func(ctx context.Context, opt cli.ConnectOptions) (builder.Builder, builder.Spec, error) {
		options, err := container.ParseOptions(opt.Builder.DriverOpts...)
		b, berr := s.Env.Builder(ctx, opt.Builder.Name)
		b.Nodes[0].Options = options
		return b, builder.Spec{Trusted: opt.Builder.Trusted}, errors.Join(err, berr)
	}
	return fake
}

// must runs a command that has to succeed, and returns its standard output.
func (s *harness) must(args ...string) string {
	s.T.Helper()
	before := len(s.Out.String())
	if status := s.Command(args...); status != 0 {
		s.T.Fatalf("%q: status %d\n%s", args, status, s.Err.String())
	}
	return s.Out.String()[before:]
}

func TestABuilderIsMadeUsedListedAndRemoved(t *testing.T) {
	s := newHarness(t)
	fake := s.withBuilders()
	create := []string{"builder", "create", "--name", "b", "--driver-opt", "memory=1g", "--platform", "linux/arm64", "--buildkitd-flags", "--debug", "--use"}
	if got := s.must(create...); got != "b\n" {
		t.Errorf("create prints %q", got)
	}
	if c := fake.Named("docker-multiarch-b-0"); c == nil || c.Status != mobycontainer.StateCreated || c.HostConfig.Memory != 1<<30 {
		t.Errorf("the container is %+v", c)
	}
	clitest.Contains(t, s.must("builder", "ls"), "b*", "stopped", "linux/arm64*")
	clitest.Contains(t, s.must("builder", "ls", "--format", "json"), `"Name":"b"`, `"Current":true`, `"DriverOpts":{"memory":"1g"}`)

	if status := s.Command(create...); status != cli.ExitFailed {
		t.Errorf("making it again: status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "exists already", "docker multiarch builder rm b")

	name := s.must("builder", "create")
	if status := s.Command("builder", "use", "nobody"); status != cli.ExitFailed {
		t.Errorf("using a builder that is not there: status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "docker multiarch builder create --use --name nobody")
	clitest.Contains(t, s.must("builder", "ls", "--format", "{{.Name}} {{.Current}}"), "b true\n", name[:len(name)-1]+" false\n")

	if got := s.must("builder", "rm", "--all-inactive"); got != "" {
		t.Errorf("without a yes, removed are %q", got)
	}
	clitest.Contains(t, s.must("builder", "rm", "--all-inactive", "-f"), "b\n", name)
	if n := len(fake.Containers()); n != 0 || using(t, s) != builder.DefaultName {
		t.Errorf("%d containers are left, and %q is used", n, using(t, s))
	}
	for _, args := range [][]string{{"inspect"}, {"du"}, {"prune", "-f"}, {"stop"}, {"rm"}} {
		if status := s.Command(append([]string{"builder"}, args...)...); status != cli.ExitFailed {
			t.Errorf("%q without a builder: status %d", args, status)
		}
	}
	clitest.Contains(t, s.Err.String(), `there is no builder "default"`, "docker multiarch builder ls")
}
