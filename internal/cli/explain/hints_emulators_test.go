package explain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

func TestAPlatformThatCannotRunComesWithTheCommandThatFixesIt(t *testing.T) {
	ins := clitest.KernelOf(t)
	s390x := clitest.PlatformsOf(t, "linux/s390x")
	broken := ins.Status
	broken.Archs = []emulation.Support{{Arch: "arm64", Mode: emulation.None, Handlers: ins.Handlers[1:]}}
	step := func(mode plan.Mode, crashed bool) error {
		return &failure.StepError{Platform: s390x[0], Mode: mode, Emulator: "qemu 7.2.22", Crashed: crashed, Err: errors.New("exit code: 139")}
	}
	for name, tt := range map[string]struct {
		err  error
		want []string
	}{
		"nothing installed": {
			&emulation.MissingError{Platforms: s390x, Status: ins.Status}, []string{"docker multiarch emulators install linux/s390x"},
		},
		"a broken handler": {
			&emulation.MissingError{Platforms: clitest.PlatformsOf(t, "linux/arm64"), Status: broken}, []string{"docker multiarch emulators install --force linux/arm64"},
		},
		"an image that is not had": {
			&emulation.MissingError{Platforms: s390x, Status: ins.Status, Attempts: []emulation.Attempt{
				{Source: emulation.Registry, Image: "tonistiigi/binfmt:x", Err: errors.New("denied")},
			}},
			[]string{"load tonistiigi/binfmt:x on the engine", "--image", "qemu-user-static"},
		},
		"a build that may not install": {
			&preflight.CannotRunError{Node: "a", Platforms: s390x}, []string{"docker multiarch emulators install linux/s390x", "cross-compile"},
		},
		"on a host where nothing can be installed from here": {
			&preflight.CannotRunError{Node: "a", Platforms: s390x, Address: "tcp://10.0.0.7:1234", ByHand: true},
			[]string{"on the host of node a (tcp://10.0.0.7:1234), run `docker run --privileged", "--install s390x`,\n      or install", "qemu-user-static", "cross-compile"},
		},
		"on a node of a builder that has to be named": {
			&preflight.CannotRunError{Node: "a", Platforms: s390x, Address: "there", Builder: "farm"},
			[]string{"docker multiarch emulators install --builder farm linux/s390x", "cross-compile"},
		},
		"on an engine that refuses privileges": {
			&preflight.CannotRunError{Node: "a", Platforms: s390x, Address: "there", Builder: "farm", Err: &emulation.MissingError{
				Platforms: s390x, Attempts: []emulation.Attempt{
					{Source: emulation.Registry, Image: "tonistiigi/binfmt:x", Err: &emulation.PrivilegeError{Err: errors.New("denied")}},
				},
			}},
			[]string{"on the host of node a (there), install the distribution's package", "qemu-user-static", "cross-compile"},
		},
		"an emulator that crashed":  {step(plan.Emulated, true), []string{"qemu 7.2.22", "linux/s390x", "not your program's fault", "--force"}},
		"BuildKit's that crashed":   {step(plan.EmulatedBuilder, true), []string{"BuildKit's own", "emulators install linux/s390x"}},
		"a handler that went":       {step(plan.Emulated, false), []string{"docker multiarch emulators status linux/s390x"}},
		"a program of another kind": {step(plan.Native, false), []string{"another platform than the one"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Hint(fmt.Errorf("wrapped: %w", tt.err))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in %q", want, got)
				}
			}
		})
	}
}

func TestNoInstallationIsSuggestedForAPlatformThatNoEmulatorRuns(t *testing.T) {
	got := Hint(&preflight.CannotRunError{Node: "a", Platforms: clitest.PlatformsOf(t, "windows/amd64"), Tests: true})
	if want := "test only platforms that the node runs"; !strings.HasPrefix(got, want) {
		t.Errorf("the hint is %q, want it to begin with %q", got, want)
	}
}
