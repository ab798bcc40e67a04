package buildcmd

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildflags"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/display"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/question"
)

func TestFlagsAreTheOptions(t *testing.T) {
	got := parsed(t,
		"--add-host", "a:1.2.3.4,b:5.6.7.8", "--build-arg", "A=1,2", "--build-arg", "B", "--build-context", "x=y", "-f", "d/Dockerfile", "--iidfile", "i",
		"--label", "l=1", "--metadata-file", "m", "--network", "none", "--no-cache", "--platform", "linux/amd64,arm64", "--platform", "riscv64", "--progress", "plain",
		"--pull", "--push", "--secret", "id=s", "--ssh", "default", "-t", "a", "--tag", "b:c", "--target", "final", "--emulators", "never", "--index", "--jobs", "3",
		"--media-types", "docker", "--builder", "mine", "--builder-image", "img", "--builder-config", "c.toml", "--driver-opt", "network=host", "-q", "dir")
	unexported := cmp.Exporter(func(reflect.Type) bool { return true })
	want := buildOptions{
		contextPath: "dir",
		inputFlags: inputFlags{
			addHosts: []string{"a:1.2.3.4", "b:5.6.7.8"}, buildArgs: []string{"A=1,2", "B"}, buildContexts: []string{"x=y"}, secrets: []string{"id=s"},
			ssh: []string{"default"}, dockerfiles: []string{"d/Dockerfile"}, targets: []string{"final"}, network: "none", noCache: true, pull: true,
		},
		imageFlags: imageFlags{
			platforms: []string{"linux/amd64,arm64", "riscv64"}, tags: []string{"a", "b:c"}, labels: []string{"l=1"}, index: true, mediaTypes: "docker",
			output: destination.Flags{Push: true}, gate: cli.GateOptions{Mode: "on"},
		},
		workFlags: workFlags{
			jobs: 3, emulators: "never", cache: buildflags.CacheOptions{Mounts: "auto"},
			builder: cli.BuilderOptions{Name: "mine", Image: "img", Config: "c.toml", DriverOpts: []string{"network=host"}},
		},
		answerFlags: answerFlags{
			iidFile: "i", metadataFile: "m", quiet: true, progress: display.Flags{Mode: "plain"}, call: question.Flags{Method: "build"},
		},
	}
	if diff := cmp.Diff(want, got, unexported); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = parsed(t, ".")
	want = buildOptions{
		contextPath: ".", inputFlags: inputFlags{network: "default"}, imageFlags: imageFlags{gate: cli.GateOptions{Mode: "on"}},
		workFlags:   workFlags{emulators: "auto", cache: buildflags.CacheOptions{Mounts: "auto"}},
		answerFlags: answerFlags{progress: display.Flags{Mode: "auto"}, call: question.Flags{Method: "build"}},
	}
	if diff := cmp.Diff(want, got, unexported); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}
