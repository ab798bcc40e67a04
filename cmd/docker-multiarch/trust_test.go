package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
)

func TestImagesAreTrustedByTheUserOnly(t *testing.T) {
	s := newHarness(t)
	flag, env, kept := digest.FromString("flag"), digest.FromString("env"), digest.FromString("kept")
	s.Vars[cli.TrustVariable] = env.String() + ", " + env.String()
	if err := s.Env.KeepTrusted(t.Context(), []string{kept.String()}); err != nil {
		t.Fatal(err)
	}
	if err := s.Env.KeepTrusted(t.Context(), []string{kept.String(), flag.String()}); err != nil {
		t.Fatal(err)
	}
	var got []digest.Digest
	s.Connecting = func(_ context.Context, opt cli.ConnectOptions) error {
		got = opt.Builder.Trusted
		return nil
	}
	s.Command("build", "--trust-image", flag.String(), "-o", "type=oci,dest=x.tar", ".")
	if want := []digest.Digest{flag, env, env, kept, flag}; !slices.Equal(got, want) {
		t.Errorf("trusted are %v, not %v", got, want)
	}
	for _, args := range [][]string{
		{"build", "--trust-image", "abc", "."},
		{"plan", "--trust-image", "", "."},
		{"builder", "create", "--trust-image", "moby/buildkit:1"},
		{"emulators", "install", "--trust-image", "sha256:1"},
	} {
		if status := s.Command(args...); status != cli.ExitUsage {
			t.Errorf("%q: status %d", args, status)
		}
	}
	clitest.Contains(t, s.Err.String(), `--trust-image: "abc" is not the ID of an image`)
}

func TestNoResultTakesTheNameOfAnImageThatRunsWithPrivileges(t *testing.T) {
	for words, c := range map[string]struct {
		project string
		args    string
	}{
		"--load":                       {args: "build --load -t moby/buildkit:any ."},
		"the emulators' image":         {args: "build --load -t docker.io/tonistiigi/binfmt ."},
		"an output that loads":         {args: "build -o type=docker,name=moby/buildkit:x ."},
		"a named builder image":        {args: "build --load --builder-image reg.example/bk:1 -t reg.example/bk:1 ."},
		"one of a driver option":       {args: "build --load --driver-opt image=reg.example/bk -t reg.example/bk:latest ."},
		"a project that is loaded":     {project: "moby/buildkit:buildx-stable-1", args: "build --load ."},
		"a project that is pushed":     {project: "moby/buildkit:buildx-stable-1", args: "build --push ."},
		"a project that is an archive": {project: "tonistiigi/binfmt:x", args: "build -o type=oci,dest=x.tar ."},
	} {
		t.Run(words, func(t *testing.T) {
			s := newHarness(t)
			if c.project != "" {
				s.Write(project.Name, "image: "+c.project+"\n")
			}
			if status := s.Command(strings.Fields(c.args)...); status != cli.ExitUsage || s.Connects > 0 {
				t.Errorf("status %d, %d connections", status, s.Connects)
			}
			clitest.Contains(t, s.Err.String(), "is reserved for an image that runs with privileges")
		})
	}
}
