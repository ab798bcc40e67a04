package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// golang has the rules for Go. The facts about the go command are those of cmd/go of Go 1.26, unless a comment names another
// version.
type golang struct {
	e       *judgement
	archVar string // GOARM for arm; "" if the port has none
	toolchain
	goenv  map[string]string // of go.env and of the user's settings in the image: used for variables that the environment does not set
	stores map[string]string // directories that must not leave the stage, and their contents

	cgoOpen bool     // whether cgo is on depends on the base image, which is not known yet
	filled  []string // paths of unpacked archives and of files that are named like a C compiler
	adds    []string // variables that the step needs, KEY=value
	install *install // of the step, nil if it has none
}

// archVars has Go's Linux ports, and the variable that chooses among the variants of each.
var archVars = map[string]string{
	"386": "GO386", "amd64": "GOAMD64", "arm": "GOARM", "arm64": "GOARM64", "loong64": "", "mips": "GOMIPS", "mipsle": "GOMIPS",
	"mips64": "GOMIPS64", "mips64le": "GOMIPS64", "ppc64": "GOPPC64", "ppc64le": "GOPPC64", "riscv64": "GORISCV64", "s390x": "",
}

func newGolang(e *judgement) *golang {
	return &golang{e: e, archVar: archVars[e.Target.Architecture], goenv: map[string]string{}, stores: map[string]string{}}
}

// port refuses platforms that Go does not support.
func (g *golang) port() diag.Diagnostic {
	for _, p := range []platform.Platform{g.e.Target, g.e.Native} {
		if _, ok := archVars[p.Architecture]; !ok || p.OS != "linux" {
			return reason("env", "recipe go does not support "+platform.Format(p))
		}
	}
	return diag.Diagnostic{}
}

// verb describes a subcommand of go.
type verb struct {
	env   bool     // its effect depends on GOARCH
	cgo   bool     // its effect depends on cgo
	build bool     // it has build flags, which are checked
	words []string // the words that may follow, if only some may
}

// verbs are the safe subcommands of go. go run, test, generate, tool and fix run programs. A subcommand that is not listed is
// unknown.
var verbs = map[string]verb{
	"build":   {env: true, cgo: true, build: true},
	"install": {env: true, cgo: true, build: true},
	"vet":     {env: true, cgo: true},
	"list":    {env: true, cgo: true},
	"env":     {env: true},
	"get":     {},
	"mod":     {words: []string{"download", "tidy", "vendor", "verify", "init", "edit", "graph", "why"}},
	"work":    {words: []string{"sync", "use", "init", "edit", "vendor"}},
	"version": {}, "help": {}, "fmt": {}, "clean": {}, "doc": {}, "telemetry": {},
}

// runs are the subcommands that run their own output, and the advice about them.
var runs = map[string]string{
	"test":     "run it in a stage of its own, from which nothing is copied",
	"run":      "run it in a stage FROM --platform=$BUILDPLATFORM, and COPY its output from there",
	"generate": "run it in a stage FROM --platform=$BUILDPLATFORM, and COPY its output from there",
	"tool":     "run it in a stage FROM --platform=$BUILDPLATFORM, and COPY its output from there",
}

// needsTarget reports whether anything in a script depends on the target's environment.
func (g *golang) needsTarget(script shell.Script) bool {
	for _, c := range script.Commands {
		c = inDirectory(c)
		d := g.e.effect(c)
		if d == unknown && g.e.Named && mayBuild(c) {
			return true
		}
		if d != compiles || len(c.Args) < 2 || !verbs[c.Args[1].Text].env {
			continue
		}
		if w := c.Words(); w[0] == "env" && len(w) > 1 && (w[1] == "-w" || w[1] == "-u") {
			continue
		}
		return true
	}
	return g.e.Named && len(script.Problems) > 0
}

// command judges a command of the go tool.
func (g *golang) command(s step, c shell.Command) diag.Diagnostic {
	c = inDirectory(c)
	if len(c.Args) < 2 {
		return diag.Diagnostic{}
	}
	g.recordStores(c)
	if why := g.checkBinary(s, c); why.Found() {
		return why
	}
	name := c.Args[1].Text
	v, ok := verbs[name]
	switch {
	case !ok:
		if fix := runs[name]; fix != "" && !g.e.Named {
			return s.reason("command", fmt.Sprintf("RUN %s runs what it builds", c.Text), fix)
		}
		return g.e.notKnown(s, c)
	case name == "env":
		return g.env(s, c)
	case name == "version" && c.Output != shell.Shown && !g.e.Named:
		return s.reason("arch", fmt.Sprintf("RUN %s prints the CPU of the go command", c.Text), "write $(go env GOVERSION)")
	case !g.usual(c, v):
		return g.e.notKnown(s, c)
	}
	g.e.work = g.e.work || v.cgo || name == "mod" // modules are fetched once for all platforms
	if v.env {
		if why := g.target(s, c); why.Found() {
			return why
		}
	}
	if why := g.flags(s, c, v); why.Found() {
		return why
	}
	if v.cgo {
		if why := g.cgo(s, c); why.Found() {
			return why
		}
	}
	if name == "install" {
		return g.installs(s, c)
	}
	return diag.Diagnostic{}
}

// usual reports whether a command with a safe subcommand is safe.
func (g *golang) usual(c shell.Command, v verb) bool {
	name, words := c.Args[1].Text, c.Words()[1:]
	has := func(part string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, part) })
	}
	switch {
	case v.words != nil:
		return len(words) > 0 && slices.Contains(v.words, words[0])
	case name == "get": // installs before Go 1.18
		return !g.e.inspected || g.minor >= 18 || slices.Contains(words, "-d")
	case name == "list": // prints where go install would write
		return c.Output == shell.Shown || slices.Contains(words, "-m") || !has("Target") && !slices.Contains(words, "-json") && !has("{{.}}")
	case name == "install": // writes into the toolchain
		return !slices.ContainsFunc(words, func(w string) bool { return w == "std" || w == "cmd" || strings.HasPrefix(w, "cmd/") })
	}
	return true
}

// trusted judges a command that may run the go command with any arguments.
func (g *golang) trusted(s step, c shell.Command) diag.Diagnostic {
	if !mayBuild(c) {
		return diag.Diagnostic{}
	}
	return g.cgo(s, c)
}

// inDirectory rewrites go -C DIR VERB as go VERB in DIR.
func inDirectory(c shell.Command) shell.Command {
	if len(c.Args) > 3 && c.Args[1].Text == "-C" {
		c.Cwd = shell.Resolve(c.Cwd, c.Args[2].Text)
		c.Args = append([]shell.Word{c.Args[0]}, c.Args[3:]...)
	}
	return c
}

// output returns the output of some commands.
func (g *golang) output(c shell.Command) (string, bool) {
	words := c.Words()
	switch {
	case c.Name() == "go" && len(words) == 2 && words[0] == "env":
		return g.envOutput(c, words[1])
	case (c.Name() == "which" || c.Name() == "command") && len(words) > 0 && words[len(words)-1] == "go":
		if g.root == "" {
			return "go", true // until the base image is known, the name is enough
		}
		return path.Join(g.root, "bin/go"), true
	}
	return "", false
}

// envOutput returns the output of go env for a name.
func (g *golang) envOutput(c shell.Command, name string) (string, bool) {
	switch name {
	case "GOARCH":
		return g.e.Target.Architecture, true
	case "GOOS":
		return "linux", true
	case "GOROOT":
		return g.root, g.root != ""
	case "GOPATH", "GOBIN", "GOMODCACHE":
		v := g.value(c, name)
		return v, v != ""
	}
	return "", false
}

// diagnosis matches a line of the Go compiler, or of vet, about a source.
var diagnosis = lazyregexp.New(`(?m)^(?:vet: )?[^\s:]+\.go:\d+:\d+: `)

func diagnosesGo(output []byte) bool { return diagnosis().Match(output) }

// finish makes the edit of a step after all of its commands were judged.
func (g *golang) finish(s step) diag.Diagnostic {
	if len(g.adds) > 0 {
		edit := Edit{Env: g.adds}
		if g.install != nil {
			g.install.edit(&edit, s.Args)
		}
		g.e.edits[s.Digest] = edit
	}
	g.adds, g.install = nil, nil
	return diag.Diagnostic{}
}
