package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// changes refuses a COPY or ADD whose destination is in the toolchain, or is a file of go env -w.
func (g *golang) changes(s graph.Step) diag.Diagnostic {
	if g.replaced(s) {
		return step{Step: s}.reason("base", s.Name+" changes the Go toolchain", "start from an image with that Go")
	}
	return diag.Diagnostic{}
}

func (g *golang) replaced(s graph.Step) bool {
	words := strings.Fields(s.Name)
	if len(words) < 2 || !g.e.inspected || !slices.ContainsFunc(words, func(w string) bool { return w == "COPY" || w == "ADD" }) {
		return false
	}
	dest := path.Clean(words[len(words)-1])
	return g.contains(dest) || strings.HasSuffix(dest, userSettings) || path.Join(dest, "go") == g.root && strings.Contains(s.Name, "/go ")
}

// checkBinary refuses a command whose go may not be the inspected one.
func (g *golang) checkBinary(s step, c shell.Command) diag.Diagnostic {
	if !g.e.inspected {
		return diag.Diagnostic{}
	}
	refuse := func(why string) diag.Diagnostic {
		return s.reason("base", fmt.Sprintf("RUN %s %s", c.Text, why), "")
	}
	if root := c.Env["GOROOT"]; root != "" && path.Clean(root) != g.root {
		return refuse("runs with GOROOT=" + root + ", not with " + g.root)
	}
	if file := c.Env["GOENV"]; file != variablesOf(g.e.Base.Target.Config.Env)["GOENV"] && file != "off" {
		return refuse("reads Go's settings from another file (GOENV)")
	}
	own := path.Join(g.root, "bin")
	if name := c.Args[0].Text; strings.Contains(name, "/") {
		if path.Clean(name) != path.Join(own, "go") {
			return refuse("runs a Go that is not in " + g.root)
		}
		return diag.Diagnostic{}
	}
	dirs := strings.Split(imagePath([]string{"PATH=" + c.Env["PATH"]}), ":")
	if !slices.Contains(dirs, own) { // a link in /usr/bin
		return diag.Diagnostic{}
	}
	for _, dir := range dirs[:slices.Index(dirs, own)] {
		native, target, ok := g.e.file(path.Join(dir, "go"))
		switch {
		case dir == path.Join(g.value(c, "GOPATH"), "bin") || dir == "/root/go/bin" || strings.HasSuffix(dir, "sbin"):
		case !ok || native.Exists || target.Exists:
			return refuse("may run another Go: PATH has " + dir + " before " + own)
		}
	}
	return diag.Diagnostic{}
}

// settings reports whether a file may be one that go env -w writes to.
func (g *golang) settings(name string) bool { return strings.HasSuffix(name, userSettings) }

// mayReplaceTools reports whether a command may put another go into PATH, or settings where go looks for them.
func (g *golang) mayReplaceTools(c shell.Command, files []string) bool {
	dirs := strings.Split(c.Env["PATH"], ":")
	found := slices.ContainsFunc(files, func(f string) bool { return slices.Contains(dirs, f) || slices.Contains(dirs, path.Dir(f)) })
	return slices.ContainsFunc(files, func(f string) bool { return g.settings(f) || found && path.Base(f) == "go" })
}
