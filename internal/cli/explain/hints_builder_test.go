package explain

import (
	"errors"
	"fmt"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

func TestABuilderThatCannotBeCreatedComesWithAnAlternative(t *testing.T) {
	noNet := errors.New("no route to host")
	unproven := &trust.UnprovenError{Ref: "reg.example/bk:1", ID: "sha256:1"}
	const trusting = `run "docker pull reg.example/bk:1", or, if you know what this image is, add --trust-image sha256:1`
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"another program's container": {
			&container.ForeignError{Container: "multiarch-a-0"},
			`remove or rename container "multiarch-a-0", or choose another builder with --builder`,
		},
		"an engine that refuses privileges and has a BuildKit": {
			&container.PrivilegeError{Own: true, Address: "tcp://e:2376", Err: errors.New("denied")},
			"the BuildKit inside the engine needs no privileges:\n" +
				"      docker multiarch builder create --name inside --driver docker --use tcp://e:2376",
		},
		"an engine that refuses privileges and has none": {&container.PrivilegeError{Err: errors.New("denied")}, ""},
		"a builder in use": {
			&container.InUseError{Reasons: []string{"BuildKit"}, Use: "1 running build"},
			"try again when that has ended, or choose another builder with --builder",
		},
		"no image": {
			&container.ImageError{Ref: "bk:1", MinVersion: "v0.20.0", Err: noNet},
			"run \"docker pull bk:1\" where the registry can be reached, name a mirror's copy with --builder-image,\n" +
				"      or load the image on the engine and trust its ID with --trust-image",
		},
		"an old image that the registry does not replace": {
			&container.ImageError{Ref: "bk:1", Version: "v0.11.0", MinVersion: "v0.20.0", Err: noNet},
			`run "docker pull bk:1", or name another image with --builder-image`,
		},
		"an image that is old in the registry, too": {
			&container.ImageError{Ref: "bk:1", Version: "v0.11.0", MinVersion: "v0.20.0"}, "name another image with --builder-image",
		},
		"an image that may not run with privileges": {unproven, trusting},
		"an old image, and the builder's own that may not run": {
			fmt.Errorf("%w; the builder's old %w", &container.ImageError{Ref: "bk:1", Version: "v0.11.0"}, unproven),
			"name another image with --builder-image\n      or " + trusting,
		},
		"emulators from an image that may not run": {
			&emulation.MissingError{
				Platforms: clitest.PlatformsOf(t, "linux/s390x"), Status: clitest.KernelOf(t).Status,
				Attempts: []emulation.Attempt{{Source: emulation.LocalImage, Image: "reg.example/bk:1", Err: unproven}},
			},
			trusting,
		},
		"emulators on a rootless engine": {
			&emulation.MissingError{Refused: &emulation.PrivilegeError{Rootless: true, Image: "binfmt:1"}},
			"on the engine's machine, run `docker run --privileged --userns=host --rm binfmt:1 --install all` with a rootful engine,\n" +
				"      or install the distribution's package of QEMU's static emulators (qemu-user-static)",
		},
		"emulators in a user namespace": {
			&emulation.PrivilegeError{Image: "binfmt:1"},
			"run `docker run --privileged --userns=host --rm binfmt:1 --install all` once",
		},
	} {
		if got := Hint(fmt.Errorf("builder %q: %w", "a", tt.err)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}
