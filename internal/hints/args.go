package hints

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// platformArg matches the arguments that BuildKit sets (frontend/dockerfile/dockerfile2llb/platform.go).
var platformArg = lazyregexp.New(`^(?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT)$`)

// argDefaults reports platform arguments with a default. A default always wins over the platform's value, in a stage and before
// the first FROM (dispatchArg, buildMetaArgs in dockerfile2llb). Only before the first FROM, or after the argument was declared
// without one, may a default itself name the platform's value: ARG TARGETARCH=${TARGETARCH:-amd64}.
func argDefaults(d *file) []diag.Diagnostic {
	var all []diag.Diagnostic
	for i := range d.Global {
		all = append(all, d.defaults(&d.Global[i], func(string) bool { return true })...)
	}
	for i := range d.Stages {
		declared := map[string]bool{}
		for _, c := range d.Stages[i].Commands {
			if arg, ok := c.(*instructions.ArgCommand); ok {
				all = append(all, d.defaults(arg, func(name string) bool { return declared[name] })...)
			}
			for _, name := range declares(c) {
				declared[name] = true
			}
		}
	}
	return all
}

// defaults checks one ARG. known reports whether a variable has its value already.
func (d *file) defaults(c *instructions.ArgCommand, known func(name string) bool) []diag.Diagnostic {
	var all []diag.Diagnostic
	for _, arg := range c.Args {
		_, given := d.Args[arg.Key]
		if arg.Value == nil || given || !platformArg().MatchString(arg.Key) {
			continue
		}
		message := fmt.Sprintf("the default of ARG %s=%s shadows the platform's value: every platform gets %q", arg.Key, *arg.Value, *arg.Value)
		if regexp.MustCompile(`\$\{?` + arg.Key + `\b`).MatchString(*arg.Value) {
			if known(arg.Key) {
				continue
			}
			message = fmt.Sprintf("ARG %s=%s is evaluated in a stage, where %s has no value yet: every platform gets the default", arg.Key, *arg.Value, arg.Key)
		}
		all = append(all, d.hint(diag.Warning, "arg-default", dockerfile.Line(c.Location()), nil, message,
			"write ARG "+arg.Key+" without a default; BuildKit sets its value"))
	}
	return all
}

// argUse reports platform arguments that are declared and not used, or used and not declared.
func argUse(d *file) []diag.Diagnostic {
	var all []diag.Diagnostic
	needed, inherited := d.needed(), d.inherited()
	for i := range d.Stages {
		if needed[i] {
			all = append(all, d.undeclared(i)...)
		}
		if needed[i] && !inherited[i] {
			all = append(all, d.unused(i)...)
		}
	}
	return all
}

// inherited returns the stages that others are based on, which inherit their arguments.
func (d *file) inherited() map[int]bool {
	found := map[int]bool{}
	for i := range d.Stages {
		if base, ok := d.Base(i); ok {
			found[base] = true
		}
	}
	return found
}

// declares returns the platform arguments that an instruction declares and the variables that it sets.
func declares(c instructions.Command) (names []string) {
	switch c := c.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			names = append(names, a.Key)
		}
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			names = append(names, e.Key)
		}
	}
	return names
}

var usesArg = lazyregexp.New(`\$\{?((?:TARGET|BUILD)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT))\b`)

// text returns an instruction as it is written.
func text(c instructions.Command) string {
	written := fmt.Sprint(c)
	if s, ok := c.(fmt.Stringer); ok {
		written = s.String()
	}
	if run, ok := c.(*instructions.RunCommand); ok {
		for _, f := range run.Files {
			written += "\n" + f.Data
		}
	}
	return written
}

// undeclared reports arguments that a stage uses and that neither it nor a stage that it is based on declares. They have no
// value.
func (d *file) undeclared(i int) []diag.Diagnostic {
	known := map[string]bool{}
	for _, k := range d.Under(i)[1:] {
		for _, c := range d.Stages[k].Commands {
			for _, name := range declares(c) {
				known[name] = true
			}
		}
	}
	var all []diag.Diagnostic
	for _, c := range d.Stages[i].Commands {
		if _, isArg := c.(*instructions.ArgCommand); !isArg {
			instruction := text(c)
			for _, m := range usesArg().FindAllStringSubmatch(instruction, -1) {
				if name := m[1]; !known[name] && !strings.Contains(instruction, name+"=") && !strings.Contains(instruction, "read "+name) {
					known[name] = true // report each argument once
					all = append(all, d.emptyArg(name, dockerfile.Line(c.Location())))
				}
			}
		}
		for _, name := range declares(c) {
			known[name] = true
		}
	}
	return all
}

func (d *file) emptyArg(name string, line int) diag.Diagnostic {
	global := slices.ContainsFunc(d.Global, func(c instructions.ArgCommand) bool {
		return slices.ContainsFunc(c.Args, func(a instructions.KeyValuePairOptional) bool { return a.Key == name })
	})
	if global {
		return d.hint(diag.Warning, "arg-before-from", line, nil,
			fmt.Sprintf("$%s is empty: ARG %s before the first FROM applies to FROM lines only", name, name), "repeat ARG "+name+" in the stage, after its FROM")
	}
	message := fmt.Sprintf("$%s is empty: this stage has no ARG %s", name, name)
	return d.hint(diag.Warning, "arg-unused", line, nil, message, "add ARG "+name+" to the stage, before this line")
}

// direct matches commands that do not read BuildKit's platform arguments from the environment.
var direct = lazyregexp.New(
	`^(?:(?:go|cargo|npm|apk|apt-get|apt|mkdir|cp|mv|rm|ln|chmod|chown|echo|cd|set|adduser|addgroup|gcc|cc)\b[^;&|$\x60]*(?:&&|;|$)\s*)+$`)

// unused reports arguments of a stage that nothing after the declaration names, if no later program could read its environment.
func (d *file) unused(i int) []diag.Diagnostic {
	var all []diag.Diagnostic
	commands := d.Stages[i].Commands
	for n, c := range commands {
		arg, ok := c.(*instructions.ArgCommand)
		if !ok {
			continue
		}
		for _, a := range arg.Args {
			if !strings.HasPrefix(a.Key, "TARGET") || !platformArg().MatchString(a.Key) {
				continue
			}
			seen := slices.ContainsFunc(commands[n+1:], func(later instructions.Command) bool { return mayUse(later, a.Key) })
			if !seen {
				all = append(all, d.hint(diag.Note, "arg-unused", dockerfile.Line(arg.Location()), nil,
					fmt.Sprintf("nothing uses ARG %s, so the result does not depend on the platform", a.Key),
					fmt.Sprintf("use it (go build: GOARCH=$TARGETARCH), or remove ARG %s, so that platforms share the steps", a.Key)))
			}
		}
	}
	return all
}

// mayUse reports whether an instruction uses an argument, or runs a program that may.
func mayUse(c instructions.Command, name string) bool {
	if strings.Contains(text(c), name) {
		return true
	}
	run, ok := c.(*instructions.RunCommand)
	if !ok {
		return false
	}
	return len(run.Files) > 0 || !run.PrependShell || !direct().MatchString(strings.TrimSpace(strings.Join(run.CmdLine, " ")))
}
