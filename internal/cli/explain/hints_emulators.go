package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// missingHint returns what to do about platforms that do not run.
func missingHint(err *emulation.MissingError) string {
	if hint := privilegeHint(err); hint != "" {
		return hint
	}
	if force := err.Replaceable(); len(force) > 0 {
		return "docker multiarch emulators install --force " + strings.Join(platform.FormatAll(force), " ")
	}
	for _, a := range err.Attempts {
		if a.Source == emulation.Registry && a.Err != nil {
			return oneOf(fmt.Sprintf("load %s on the engine, or name a mirror's copy with docker multiarch emulators install --image;\n"+
				"      or install QEMU's static binaries on the engine's host (package qemu-user-static)", a.Image), trustHint(err))
		}
	}
	if len(err.Attempts) > 0 {
		return trustHint(err)
	}
	if ps := err.Installable(); len(ps) > 0 {
		return "docker multiarch emulators install " + strings.Join(platform.FormatAll(ps), " ")
	}
	return ""
}

// privilegeHint returns what to do about an engine that cannot install emulators.
func privilegeHint(err error) string {
	refused, ok := errors.AsType[*emulation.PrivilegeError](err)
	if !ok {
		return ""
	}
	command := fmt.Sprintf("`docker run --privileged --userns=host --rm %s --install all`", refused.Image)
	if refused.Rootless {
		return "on the engine's machine, run " + command + " with a rootful engine,\n" +
			"      or install the distribution's package of QEMU's static emulators (qemu-user-static)"
	}
	return "run " + command + " once"
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
