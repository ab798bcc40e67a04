package main

import (
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// howWords says how a platform was made.
func howWords(p solve.PlatformReport) string {
	var recipes []string
	for _, s := range p.Cross.Steps {
		recipes = append(recipes, s.Recipe)
	}
	how := wayWords(p.Mode, p.Emulator, once(recipes))
	switch {
	case how == "" || p.Retries == 0:
		return how
	case p.Retries == 1:
		return how + ", tried twice,"
	}
	return fmt.Sprintf("%s, tried %d times,", how, p.Retries+1)
}

// stepHint is what to think of a step that did not run well, and what to try.
func stepHint(e *solve.StepError) string {
	name, emulator := platform.Format(e.Platform), "the emulator"
	if e.Emulator != "" {
		emulator += " (" + e.Emulator + ")"
	}
	cross := "cross-compile in a stage FROM --platform=$BUILDPLATFORM"
	switch {
	case e.Crashed && e.Mode == plan.Emulated:
		return fmt.Sprintf("for %s, %s crashed in this step; most likely it is not your program's fault. Build again,\n"+
			"      or get a newer one: docker multiarch emulators install --force --source image %s\n      or %s", name, emulator, name, cross)
	case e.Crashed:
		return fmt.Sprintf("for %s, BuildKit's own emulator crashed in this step; most likely it is not your program's fault. Build again,\n"+
			"      or install one in the kernel: docker multiarch emulators install %s\n      or %s", name, name, cross)
	case e.Mode.Emulated():
		return fmt.Sprintf("this step for %s started a program that the engine's kernel knows no way to run: one for yet another platform,\n"+
			"      or the emulator has gone since the build began: docker multiarch emulators status %s", name, name)
	}
	return fmt.Sprintf("this step of %s started a program for another platform than the one that the step runs on:\n"+
		"      look at what was copied into the image, and at --platform of the stage's FROM", name)
}
