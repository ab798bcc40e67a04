package gate

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/launch"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// role is the role of a program in the image's start.
type role int

const (
	roleEntrypoint role = iota
	roleInterpreter
	roleLoader
)

// maxScripts bounds the nesting of scripts that are interpreters of scripts, as in Linux.
const maxScripts = 5

// A program is a file that is executed when the image starts.
type program struct {
	rootfs.Place
	role    role
	word    string   // the word that it was looked up by
	by      *program // the program that needs this interpreter or loader
	command command
}

// name returns the program's name for messages: the image's word for it, and its own path if that differs.
func (p program) name() string {
	word := strconv.Quote(p.word)
	if p.Path != "" && "/"+p.Path != p.word {
		word += " (/" + p.Path + ")"
	}
	switch {
	case p.role == roleInterpreter:
		return fmt.Sprintf("the interpreter %s of %q", word, "/"+p.by.Path)
	case p.role == roleLoader:
		return fmt.Sprintf("the loader %s of %q", word, "/"+p.by.Path)
	case p.command.cmd:
		return fmt.Sprintf("the command %s", word)
	case p.command.guess:
		return fmt.Sprintf("the program %s that the entrypoint's shell starts", word)
	}
	return fmt.Sprintf("the entrypoint %s", word)
}

// severity returns Error, or Warning for a program that only an argument names.
func (p program) severity() diag.Severity {
	if p.command.cmd {
		return diag.Warning
	}
	return diag.Error
}

// program judges a program, and the files that it needs to be executed.
func (x *examination) program(ctx context.Context, p program, depth int) {
	if x.allow.allows(p.Path) || !x.executed(p) {
		return
	}
	f := *p.Exe
	switch fit, why := f.Fit(x.platform.OS, x.platform.Architecture); fit {
	case exe.Runs:
	case exe.Wrong:
		x.wrongMachine(p, f)
		return
	case exe.RunsElsewhereToo:
		x.add(p.Layer, diag.Diagnostic{
			Severity: diag.Warning, Check: CheckCompat, Content: diag.Content{Path: "/" + p.Path, Machine: f.String(), Wanted: x.expectedMachine()},
			Message: fmt.Sprintf("%s is for %s: it %s", p.name(), f, why),
		})
	}
	x.level(p.Place, f, p.name())
	switch {
	case f.Format == exe.Script && depth < maxScripts:
		x.interpreter(ctx, p, f, depth)
	case f.Format == exe.ELF && f.Interpreter != "":
		x.loader(ctx, p, f)
	}
}

// executed reports whether the kernel would execute a program. If not, it adds a finding.
func (x *examination) executed(p program) bool {
	warn := func(check, text, fix string) {
		x.add(p.Layer, diag.Diagnostic{
			Severity: diag.Warning, Check: check, Content: diag.Content{Path: "/" + p.Path}, Message: p.name() + " " + text, Fix: fix,
		})
	}
	switch {
	case p.role == roleLoader:
		return p.Exe != nil && p.Exe.Format != exe.Script
	case p.Type == listing.Dir:
		warn(CheckEntrypointMode, "is a folder", "")
	case p.Type != listing.File:
	case p.Mode&0o111 == 0 && x.platform.OS != "windows":
		warn(CheckEntrypointMode, fmt.Sprintf("is not executable: its mode is %#o", p.Mode&0o777), "COPY --chmod=755, or RUN chmod +x where the file is made")
		return p.Exe != nil
	case p.Exe == nil:
		warn(CheckEntrypointFormat, "is neither a program nor a script that begins with #!", "")
	case p.Exe.Kind == exe.Object || p.Exe.Kind == exe.Core:
		warn(CheckEntrypointFormat, "is not a program: "+p.Exe.Kind, "")
	default:
		return true
	}
	return false
}

// fixMachine lists the frequent causes of a program for another machine.
const fixMachine = `frequent causes: ARG TARGETARCH with a default, which hides the platform's own value; a last stage FROM
--platform=$BUILDPLATFORM; go build in a stage FROM --platform=$BUILDPLATFORM without GOARCH=$TARGETARCH; a base
image or a download for one platform only`

// wrongMachine adds the finding that a program is for another machine.
func (x *examination) wrongMachine(p program, f exe.File) {
	check := []string{CheckEntrypoint, CheckInterpreter, CheckLoader}[p.role]
	if p.command.cmd && p.role == roleEntrypoint {
		check = CheckCommand
	}
	x.accused[p.Path] = true
	x.add(p.Layer, diag.Diagnostic{
		Severity: p.severity(), Check: check, Content: diag.Content{Path: "/" + p.Path, Machine: x.found(f), Wanted: x.expectedMachine()},
		Message: fmt.Sprintf("%s is for %s, the image for %s%s", p.name(), x.found(f), x.expectedMachine(), x.origin(p.Layer)), Fix: fixMachine,
	})
}

// interpreter judges the program of a #! line, and env's argument.
func (x *examination) interpreter(ctx context.Context, script program, f exe.File, depth int) {
	line := append([]string{f.Interpreter}, f.Args...)
	if strings.HasSuffix(line[len(line)-1], "\r") {
		x.add(script.Layer, diag.Diagnostic{
			Severity: script.severity(), Check: CheckLineEnds, Content: diag.Content{Path: "/" + script.Path},
			Message: fmt.Sprintf("%s has the line ends of Windows, and there is no interpreter %q%s", script.name(), strings.Join(line, " "), x.origin(script.Layer)),
		})
		return
	}
	need := func(word string) {
		at, o := x.lookup(ctx, script.command, word)
		p := program{Place: at, role: roleInterpreter, word: word, by: &script, command: script.command}
		switch {
		case o == rootfs.Found:
			x.program(ctx, p, depth+1)
		case !script.command.guess || strings.Contains(word, "/"): // otherwise PATH may differ
			x.missing(o, p)
		}
	}
	word := f.Interpreter
	if !strings.Contains(word, "/") {
		word = "./" + word // it is not looked up in PATH
	}
	need(word)
	if next, ok := launch.Follow(line); ok && !next.Shell && len(next.Args) > 0 && launch.IsLiteral(next.Args[0]) {
		need(next.Args[0])
	}
}

// loader judges the dynamic loader of an ELF program.
func (x *examination) loader(ctx context.Context, of program, f exe.File) {
	at, o := x.lookup(ctx, command{dir: of.command.dir}, absolute(of.command.dir, f.Interpreter))
	p := program{Place: at, role: roleLoader, word: f.Interpreter, by: &of, command: of.command}
	if o != rootfs.Found {
		x.missing(o, p)
		return
	}
	switch l := p.Exe; {
	case !x.executed(p) || x.allow.allows(p.Path):
	case l.Machine != f.Machine || l.Bits != f.Bits:
		x.wrongMachine(p, *l)
	case l.Float != f.Float && l.Float != "" && f.Float != "":
		x.add(p.Layer, diag.Diagnostic{
			Severity: p.severity(), Check: CheckLoader, Content: diag.Content{Path: "/" + p.Path, Machine: l.String(), Wanted: f.String()},
			Message: fmt.Sprintf("%s is for %s, the program for %s%s", p.name(), l, f, x.origin(p.Layer)),
		})
	default:
		x.libraries(ctx, of, f, at)
	}
}
