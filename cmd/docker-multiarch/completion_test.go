package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// completed returns the words that the shell is offered.
func completed(t *testing.T, args ...string) []string {
	t.Helper()
	s := newHarness(t)
	s.Env.Drivers = drivers(s.Env)
	if status := s.Command(append([]string{"__complete"}, args...)...); status != 0 {
		t.Fatalf("status %d: %s", status, s.Err.String())
	}
	lines := strings.Split(strings.TrimSpace(s.Out.String()), "\n")
	return lines[:len(lines)-1] // the last line is the directive
}

// The shell drops words that do not begin with the typed text, so only the words that must be there are compared.
func TestCompletion(t *testing.T) {
	for name, tt := range map[string]struct {
		args, want []string
		not        string
	}{
		"the last platform of a list": {
			[]string{"build", "--platform", "linux/arm64,linux/a"}, []string{"linux/arm64,linux/amd64", "linux/arm64,linux/arm/v7"}, "linux/arm64,linux/arm64",
		},
		"a first platform":   {[]string{"build", "--platform", "linux/a"}, []string{"linux/amd64"}, "amd64"},
		"media types":        {[]string{"build", "--media-types", ""}, []string{"oci", "docker"}, ""},
		"emulators":          {[]string{"build", "--emulators", "n"}, []string{"never"}, ""},
		"networks":           {[]string{"build", "--network", "h"}, []string{"host"}, ""},
		"progress":           {[]string{"build", "--progress", "t"}, []string{"tty"}, ""},
		"driver options":     {[]string{"build", "--driver-opt", ""}, []string{"network=", "memory=", "env."}, "env.="},
		"formats":            {[]string{"builder", "ls", "--format", ""}, []string{"table", "json"}, ""},
		"outputs":            {[]string{"build", "-o", ""}, []string{"type=oci", "type=local"}, ""},
		"caches to read":     {[]string{"build", "--cache-from", ""}, []string{"type=registry,ref=", "type=gha"}, "type=inline"},
		"caches to write":    {[]string{"build", "--cache-to", ""}, []string{"type=inline", "type=local,mode=max,dest="}, ""},
		"what to load":       {[]string{"build", "--load="}, []string{"native", "linux/arm64"}, ""},
		"drivers":            {[]string{"builder", "create", "--driver", ""}, []string{"docker-container", "kubernetes", "remote"}, "docker-container-peer"},
		"a driver's options": {[]string{"builder", "create", "--driver", "remote", "--driver-opt", ""}, []string{"cacert="}, "memory="},
		"fixed platforms":    {[]string{"builder", "create", "--platform", ""}, []string{"linux/arm64"}, ""},
		"filters of du":      {[]string{"builder", "du", "--filter", ""}, []string{"until=", "type=exec.cachemount"}, ""},
		"formats of du":      {[]string{"builder", "du", "--format", ""}, []string{"table", "json", "pretty"}, ""},
		"commands":           {[]string{"builder", "s"}, []string{"stop"}, "ls"},
		"flags":              {[]string{"build", "--driver"}, []string{"--driver-opt"}, "--platform"},
	} {
		t.Run(name, func(t *testing.T) {
			got := completed(t, tt.args...)
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], "\t") // cuts off the description
			}
			for _, want := range tt.want {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not among %q", want, got)
				}
			}
			if tt.not != "" && slices.Contains(got, tt.not) {
				t.Errorf("%q is among %q", tt.not, got)
			}
		})
	}
}

func TestAllKnownPlatformsAreOffered(t *testing.T) {
	if diff := cmp.Diff(len(platform.Known()), len(completed(t, "build", "--platform", ""))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryFlagThatIsCompletedExistsAndTheOthersAreFreeText(t *testing.T) {
	free := []string{ // the words of all commands
		"allow-env", "allow-platform-mismatch",
		"add-host", "annotation", "build-arg", "build-context", "builder-image", "buildkitd-flags", "cgroup-parent", "image", "jobs", "label",
		"local-base", "max-used-space", "min-free-space", "no-cache-filter", "node", "onto", "os-features", "push-retry-max-wait", "os-version", "reserved-space", "retry", "secret", "shm-size", "ssh", "tag", "target", "ulimit",
		"entrypoint", "env", "memory", "test", "timeout", "user", "verify-allow", "workdir", "trust-image",
	}
	used := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" || f.Hidden || f.Deprecated != "" {
				return
			}
			_, completed := cmd.GetFlagCompletionFunc(f.Name)
			used[f.Name] = used[f.Name] || !completed
			if !completed && !slices.Contains(free, f.Name) {
				t.Errorf("%s --%s has no completion", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&cli.Env{}, "docker-multiarch"))
	for _, name := range free {
		if !used[name] {
			t.Errorf("--%s is free text no more", name)
		}
	}
}

func TestCompletionsOfRecipesHaveDescriptions(t *testing.T) {
	got := completed(t, "build", "--cross", "")
	for _, r := range recipe.All() {
		if !slices.Contains(got, r.Name+"\t"+r.About) {
			t.Errorf("%s is not among %s", r.Name, strings.Join(got, "; "))
		}
	}
}
