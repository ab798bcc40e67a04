package recipe

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// install makes go install work for another port. Go then refuses GOBIN and writes to GOPATH/bin/GOOS_GOARCH. A link there, for
// the time of the step, puts the programs at their usual path.
type install struct {
	gopath string
	port   string // linux_arm64
	gobin  string // "" if unset
}

// installs judges go install.
func (g *golang) installs(s step, c shell.Command) diag.Diagnostic {
	refuse := func(what string) diag.Diagnostic {
		return s.reason("install", fmt.Sprintf("RUN %s %s", c.Text, what), "write go build -o instead of go install")
	}
	gopath := g.gopath(c)
	want := install{gopath: gopath, gobin: g.value(c, "GOBIN"), port: "linux_" + g.e.Target.Architecture}
	switch {
	case g.e.Target.Architecture == g.e.Native.Architecture: // the port is the same
		g.addOutput(cmp.Or(want.gobin, path.Join(gopath, "bin")))
		return diag.Diagnostic{}
	case !path.IsAbs(gopath) || !shell.Known(gopath):
		return refuse("has an unknown GOPATH")
	case want.gobin != "" && (variablesOf(s.env)["GOBIN"] != want.gobin || !path.IsAbs(want.gobin)):
		return refuse("sets GOBIN, which go install refuses for another CPU")
	case want.gobin != "" && slices.ContainsFunc(s.Args, func(a string) bool { return strings.Contains(a, "GOBIN") }):
		return refuse("is in a step that reads GOBIN, which go install refuses for another CPU")
	case g.install != nil && *g.install != want:
		return refuse("installs into another directory than the command before it")
	}
	g.install = &want
	g.addOutput(cmp.Or(want.gobin, path.Join(gopath, "bin")))
	return diag.Diagnostic{}
}

// edit wraps a step's program.
func (i *install) edit(e *Edit, args []string) {
	bin := path.Join(i.gopath, "bin")
	link := path.Join(bin, i.port)
	script := fmt.Sprintf("mkdir -p %s && ln -s . %s && \"$@\"; s=$?; rm -f %s; exit $s", quote(bin), quote(link), quote(link))
	if i.gobin != "" {
		e.Unset = append(e.Unset, "GOBIN")
		script = fmt.Sprintf("m=; [ -d %s ] || m=1; mkdir -p %s %s && ln -s %s %s && \"$@\"; s=$?; rm -f %s; [ -z \"$m\" ] || rmdir %s; exit $s",
			quote(bin), quote(bin), quote(i.gobin), quote(i.gobin), quote(link), quote(link), quote(bin))
	}
	e.Args = append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

// quote quotes a text as one shell word.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
