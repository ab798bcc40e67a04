package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// machine refuses a command that can find out which CPU it runs on.
func (e *judgement) machine(s step, c shell.Command, d effect) diag.Diagnostic {
	if e.Named {
		return diag.Diagnostic{}
	}
	dirs := machineDirs
	if d == handles {
		dirs = machineDirs[:2] // the contents of the others are checked later
	}
	const fix = "remove it from the stage, or write FROM --platform=$BUILDPLATFORM and GOARCH=$TARGETARCH yourself"
	if d == shows && c.Output != shell.Shown || d == packages && c.Output != shell.Shown {
		return s.reason("arch", fmt.Sprintf("RUN %s asks for the CPU that it runs on", c.Text), fix)
	}
	switch c.Name() {
	case "rm", "mkdir", "chmod", "chown", "touch", "rmdir":
		return diag.Diagnostic{}
	case "ls", "du", "df", "tree", "cat", "head", "tail", "file", "echo", "printf":
		if c.Output == shell.Shown {
			return diag.Diagnostic{} // it is only shown in the log
		}
	}
	for _, p := range paths(c) {
		if p != "" && within(p, dirs) {
			return s.reason("arch", fmt.Sprintf("RUN %s reads %s, which differs between CPUs", c.Text, p), fix)
		}
	}
	for _, f := range c.Files {
		if !f.Write && within(f.Path, dirs) {
			return s.reason("arch", fmt.Sprintf("RUN %s reads %s, which differs between CPUs", c.Text, f.Path), fix)
		}
	}
	return diag.Diagnostic{}
}

// platformArgs are BuildKit's variables for the target platform. Those of the build platform are left out: steps that use them
// differ between builders wherever they run.
var platformArgs = []string{
	"TARGETPLATFORM", "TARGETARCH", "TARGETVARIANT", "TARGETOS", "BUILDPLATFORM", "BUILDARCH", "BUILDVARIANT", "BUILDOS",
	"HOSTTYPE", "MACHTYPE", "OSTYPE", "DPKG_ARCH",
}

// portVariables are compilers' variables whose value may come from the platform: GOOS, GOARCH, and those that choose among the
// variants of a port.
var portVariables = []string{"GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "GO386", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64"}

// uses judges a script's use of the variables that name a platform.
func (e *judgement) uses(s step, script shell.Script) diag.Diagnostic {
	for _, u := range script.Uses {
		origin := s.derived[u.Var]
		if slices.Contains(platformArgs, u.Var) {
			origin = u.Var
		}
		switch {
		case s.added[u.Var] && !u.Own:
			return s.reason("env", fmt.Sprintf("RUN %s reads %s, which has a value only if the stage is relocated", u.Text, u.Var),
				"write ENV "+u.Var+"=… in the stage")
		case origin == "" || e.Named || slices.Contains(portVariables, u.Into):
		case u.Into != "":
			s.derived[u.Into] = origin
		default:
			return s.reason("arch", fmt.Sprintf("RUN %s reads %s", u.Text, origin),
				fmt.Sprintf("use %s for GOOS, GOARCH and GOARM only, or FROM --platform=$BUILDPLATFORM", origin))
		}
	}
	return diag.Diagnostic{}
}

// variablesOf parses an environment.
func variablesOf(env []string) map[string]string {
	vars := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	return vars
}
