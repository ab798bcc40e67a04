package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// completed is what the shell is offered.
func completed(t *testing.T, args ...string) []string {
	t.Helper()
	s := newStage(t)
	if status := s.run(append([]string{"__complete"}, args...)...); status != 0 {
		t.Fatalf("status %d: %s", status, s.err.String())
	}
	lines := strings.Split(strings.TrimSpace(s.out.String()), "\n")
	return lines[:len(lines)-1] // the last is the directive
}

// The shell leaves out what does not begin with what was typed, so only the words that must be there are compared.
func TestCompletion(t *testing.T) {
	for name, tt := range map[string]struct {
		args, want []string
		not        string
	}{
		"the last platform of a list": {
			[]string{"build", "--platform", "linux/arm64,linux/a"}, []string{"linux/arm64,linux/amd64", "linux/arm64,linux/arm/v7"}, "linux/arm64,linux/arm64",
		},
		"a first platform": {[]string{"build", "--platform", "linux/a"}, []string{"linux/amd64"}, "amd64"},
		"media types":      {[]string{"build", "--media-types", ""}, []string{"oci", "docker"}, ""},
		"emulators":        {[]string{"build", "--emulators", "n"}, []string{"never"}, ""},
		"networks":         {[]string{"build", "--network", "h"}, []string{"host"}, ""},
		"progress":         {[]string{"build", "--progress", "t"}, []string{"tty"}, ""},
		"driver options":   {[]string{"build", "--driver-opt", ""}, []string{"network=", "memory=", "env."}, "env.="},
		"formats":          {[]string{"builder", "ls", "--format", ""}, []string{"table", "json"}, ""},
		"commands":         {[]string{"builder", "s"}, []string{"stop"}, "ls"},
		"flags":            {[]string{"build", "--driver"}, []string{"--driver-opt"}, "--platform"},
	} {
		t.Run(name, func(t *testing.T) {
			got := completed(t, tt.args...)
			for i := range got {
				got[i], _, _ = strings.Cut(got[i], "\t") // the description
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
	free := []string{"add-host", "annotation", "build-arg", "build-context", "builder-image", "jobs", "label", "secret", "ssh", "tag", "target"}
	free = append(free, "cache-from", "cache-to", "cgroup-parent", "no-cache-filter", "shm-size", "ulimit")
	cmd := newBuildCommand(&world{}, runBuild)
	completions := buildCompletions(&world{})
	for name := range completions {
		if cmd.Flags().Lookup(name) == nil {
			t.Errorf("there is no flag --%s", name)
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, ok := completions[f.Name]; !ok && f.Value.Type() != "bool" && !f.Hidden && !slices.Contains(free, f.Name) {
			t.Errorf("--%s has no completion", f.Name)
		}
	})
}
