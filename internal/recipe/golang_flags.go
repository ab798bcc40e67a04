package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// These are the build flags of the go command (go help build), by whether they take a value. A flag in none of the lists is
// unknown.
var (
	boolFlags = []string{
		"a", "n", "v", "x", "work", "trimpath", "modcacherw", "buildvcs", "race", "msan", "asan", "linkshared", "json", "i", "cover", "artifacts",
	}
	valueFlags = []string{
		"o", "p", "tags", "ldflags", "gcflags", "asmflags", "gccgoflags", "mod", "modfile", "overlay", "pgo", "buildmode", "compiler",
		"installsuffix", "pkgdir", "toolexec", "C", "covermode", "coverpkg", "debug-actiongraph", "debug-trace", "debug-runtime-trace",
	}
	// needCgo are flags that use a C compiler or linker, unless their value is false.
	needCgo = []string{"race", "msan", "asan", "linkshared"}
)

// flags judges the arguments after a subcommand.
func (g *golang) flags(s step, c shell.Command, v verb) diag.Diagnostic {
	for _, f := range strings.Fields(g.value(c, "GOFLAGS")) {
		if why := g.flag(s, c, shell.Word{Text: f}, ""); why.Found() {
			return why
		}
	}
	if v.build {
		return g.buildFlags(s, c)
	}
	for _, w := range c.Args[2:] { // these only read; a command given to a flag is checked
		if isFlag(w.Text, "vettool") || isFlag(w.Text, "toolexec") || isFlag(w.Text, "export") || isFlag(w.Text, "exec") {
			return g.e.notKnown(s, c)
		}
	}
	return diag.Diagnostic{}
}

// listing matches a command that prints names of packages, and no flags.
var listing = lazyregexp.New(`^(\w+=\S* +)*go list `)

// buildFlags judges the flags of go build and go install, up to the packages.
func (g *golang) buildFlags(s step, c shell.Command) diag.Diagnostic {
	dir := c.Cwd
	for words := c.Args[2:]; len(words) > 0; words = words[1:] {
		w := words[0]
		if !strings.HasPrefix(w.Text, "-") {
			if strings.HasPrefix(w.Text, shell.Unknown) && !listing().MatchString(w.Lone) {
				return g.e.unlessNamed(s, fmt.Sprintf("RUN %s has arguments that are unknown before it runs", c.Text))
			}
			return diag.Diagnostic{}
		}
		flag, value, has := splitFlag(w.Text)
		if !has && slices.Contains(valueFlags, flag) {
			if len(words) == 1 {
				return g.e.notKnown(s, c)
			}
			value, words = words[1].Text, words[1:]
		}
		switch flag {
		case "o":
			g.addOutput(shell.Resolve(dir, value))
		case "C":
			dir = shell.Resolve(dir, value)
		}
		if why := g.flag(s, c, w, value); why.Found() {
			return why
		}
	}
	return diag.Diagnostic{}
}

func (g *golang) addOutput(name string) {
	if name != "" && shell.Known(name) && !slices.ContainsFunc(systemDirs, func(dir string) bool { return inside(dir, name) }) { // a file, or a new directory
		g.e.outputs = append(g.e.outputs, name)
	}
}

// splitFlag splits a flag as package flag does.
func splitFlag(word string) (name, value string, has bool) {
	word = strings.TrimPrefix(word[1:], "-")
	return strings.Cut(word, "=")
}

func isFlag(word, name string) bool {
	if !strings.HasPrefix(word, "-") {
		return false
	}
	got, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return got == name
}

// flag judges one flag. Its value is in the word, or in the word after it.
func (g *golang) flag(s step, c shell.Command, w shell.Word, value string) diag.Diagnostic {
	if !strings.HasPrefix(w.Text, "-") {
		return g.e.notKnown(s, c)
	}
	name, inside, has := splitFlag(w.Text)
	if has {
		value = inside
	}
	needs := func(what string) diag.Diagnostic {
		return s.reason("cgo", fmt.Sprintf("RUN %s: %s needs a C compiler for the other CPU", c.Text, what), "leave "+what+" out")
	}
	switch {
	case slices.Contains(needCgo, name) && value != "false" && value != "0":
		return needs("-" + name)
	case name == "toolexec" || name == "exec" || name == "compiler" && value != "gc":
		return g.e.notKnown(s, c)
	case name == "buildmode":
		switch value {
		case "default", "exe", "archive", "":
		case "pie":
			if g.e.inspected && g.loader {
				return s.reason("base", fmt.Sprintf("RUN %s: -buildmode=pie names the dynamic loader of the CPU that it runs on", c.Text), "leave -buildmode=pie out")
			}
		default:
			return needs("-buildmode=" + value)
		}
	case name == "ldflags":
		if strings.HasPrefix(value, shell.Unknown) {
			return s.reason("command", fmt.Sprintf("RUN %s has linker flags that are unknown before it runs", c.Text), "write them as text")
		}
		for _, word := range []string{"-linkmode=external", "-linkmode external", "-linkmode='external'", "-race", "-msan", "-asan", "-linkshared"} {
			if strings.Contains(strings.Join(strings.Fields(value), " "), word) {
				return needs(word)
			}
		}
	case !slices.Contains(boolFlags, name) && !slices.Contains(valueFlags, name):
		return g.e.unlessNamed(s, fmt.Sprintf("RUN %s has the unknown flag -%s", c.Text, name))
	}
	return diag.Diagnostic{}
}
