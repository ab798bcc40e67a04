package explain

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// cannotRunHint returns what to do about platforms that cannot run. It suggests an install, unless one has failed already.
func cannotRunHint(cannot *preflight.CannotRunError) string {
	missing, tried := errors.AsType[*emulation.MissingError](cannot.Err)
	if !tried {
		missing = &emulation.MissingError{Platforms: cannot.Platforms}
	}
	node := cannot.Where()
	install := cmp.Or(privilegeHint(cannot.Err, "on the host of "+node+", "), missingHint(missing, cannot.Builder))
	if cannot.ByHand {
		install = hostHint(missing, node)
	}
	if install != "" {
		install += "\n      or "
	}
	if cannot.Tests {
		return install + "test only platforms that the node runs: --test linux/amd64:CMD, or platforms in --test-file"
	}
	return fmt.Sprintf("%savoid steps that run for %s (cross-compile in a stage FROM --platform=$BUILDPLATFORM)", install, platform.Format(cannot.Platforms[0]))
}

// hostHint returns the commands that install emulators on the machine of a node on which this program cannot install any.
func hostHint(missing *emulation.MissingError, node string) string {
	var archs []string
	for _, p := range missing.Installable() {
		archs = append(archs, p.Architecture)
	}
	if len(archs) == 0 {
		return ""
	}
	return fmt.Sprintf("on the host of %s, run `%s`,\n      or %s", node, emulation.ByHand(emulation.DefaultImage, archs...), emulation.InstallPackage)
}

// missingHint returns what to do about platforms that do not run. builder is the one that a command has to name; "" is none.
func missingHint(err *emulation.MissingError, builder string) string {
	if hint := privilegeHint(err, ""); hint != "" {
		return hint
	}
	install := "docker multiarch emulators install "
	if builder != "" {
		install += "--builder " + builder + " "
	}
	if force := err.Replaceable(); len(force) > 0 {
		return install + "--force " + strings.Join(platform.FormatAll(force), " ")
	}
	for _, a := range err.Attempts {
		if a.Source == emulation.Registry && a.Err != nil {
			return oneOf(fmt.Sprintf("load %s on the engine, or name a mirror's copy with %s--image;\n"+
				"      or %s on the engine's host", a.Image, install, emulation.InstallPackage), trustHint(err))
		}
	}
	if len(err.Attempts) > 0 {
		return trustHint(err)
	}
	if ps := err.Installable(); len(ps) > 0 {
		return install + strings.Join(platform.FormatAll(ps), " ")
	}
	return ""
}

// privilegeHint returns what to do about an engine that cannot install emulators. where begins the sentence; "" is for the engine of the
// current context.
func privilegeHint(err error, where string) string {
	refused, ok := errors.AsType[*emulation.PrivilegeError](err)
	if !ok {
		return ""
	}
	run, machine := fmt.Sprintf("run `%s`", emulation.ByHand(refused.Image, "all")), cmp.Or(where, "on the engine's machine, ")
	switch {
	case refused.Err != nil:
		return machine + emulation.InstallPackage
	case refused.Rootless:
		return machine + run + " with a rootful engine,\n      or " + emulation.InstallPackage
	}
	return where + run + " once"
}

// stepHint returns a likely cause of a failed step, and what to try.
func stepHint(e *failure.StepError) string {
	name, emulator := platform.Format(e.Platform), "the emulator"
	if e.Emulator != "" {
		emulator += " (" + e.Emulator + ")"
	}
	cross := "cross-compile in a stage FROM --platform=$BUILDPLATFORM"
	switch {
	case e.Crashed && e.Mode == plan.Emulated:
		return fmt.Sprintf("for %s, %s crashed in this step; most likely it is not your program's fault. Build again,\n"+
			"      or install a newer one: docker multiarch emulators install --force --source image %s\n      or %s", name, emulator, name, cross)
	case e.Crashed:
		return fmt.Sprintf("for %s, BuildKit's own emulator crashed in this step; most likely it is not your program's fault. Build again,\n"+
			"      or install one in the kernel: docker multiarch emulators install %s\n      or %s", name, name, cross)
	case e.Mode.Emulated():
		return fmt.Sprintf("this step for %s started a program that the engine's kernel cannot run. The program is for yet another platform,\n"+
			"      or the emulator was removed during the build: docker multiarch emulators status %s", name, name)
	}
	return fmt.Sprintf("this step of %s started a program for another platform than the one that the step runs on:\n"+
		"      check the files that were copied into the image, and --platform of the stage's FROM", name)
}
