package recipe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// read parses a step's script, with the target's environment if anything in it depends on that, otherwise with its own.
func (g *golang) read(gs graph.Step) (s step, script shell.Script, why diag.Diagnostic) {
	s = newStep(gs)
	in := inputOf(gs)
	in.Known = g.output
	if g.e.Named || slices.ContainsFunc(s.Args, func(a string) bool { return strings.Contains(a, "go") }) { // most likely
		why = g.environment(&s)
		in.Env = s.env
		if script = shell.Read(in); g.needsTarget(script) {
			if !why.Found() && slices.ContainsFunc(s.Args, g.names) {
				in.Env = gs.Env
				why = g.sameSettings(s, shell.Read(in).Commands, script.Commands)
			}
			return s, script, why
		}
		s, in.Env, g.adds = newStep(gs), gs.Env, nil
	}
	return s, shell.Read(in), diag.Diagnostic{}
}

// environment gives a step the target's environment: GOOS, GOARCH and the variants that the target's own toolchain would default
// to. A setting of the author stays, and must be the target's.
func (g *golang) environment(s *step) diag.Diagnostic {
	has := variablesOf(s.Env)
	g.adds = nil
	add := func(name, value string) {
		if has[name] == "" {
			g.adds = append(g.adds, name+"="+value)
			s.added[name] = true
		}
	}
	for _, v := range g.platform() {
		if author := has[v.name]; author != "" && author != v.value {
			return g.author(*s, "ENV", v.name, author)
		}
		if author := g.goenv[v.name]; author != "" && author != v.value {
			return g.author(*s, "the image's go env", v.name, author)
		}
		add(v.name, v.value)
	}
	if len(g.adds) == 0 { // the author has set all of them, so the edit changes nothing
		g.adds = append(g.adds, "GOARCH="+g.e.Target.Architecture)
	}
	if g.archVar != "" && has[g.archVar] == "" && g.goenv[g.archVar] == "" && g.e.inspected {
		if !g.known {
			return s.reason("env", fmt.Sprintf("the default %s of its Go toolchain for %s is unknown", g.archVar, platform.Format(g.e.Target)),
				fmt.Sprintf("write ENV %s=… in the stage", g.archVar))
		}
		if g.variant != "" {
			add(g.archVar, g.variant)
		}
	}
	s.env = slices.DeleteFunc(slices.Clone(s.Env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return s.added[name]
	})
	s.env = append(s.env, g.adds...)
	return diag.Diagnostic{}
}

// names reports whether a text contains a variable that chooses the platform.
func (g *golang) names(text string) bool {
	return slices.ContainsFunc(portVariables, func(v string) bool { return strings.Contains(text, v) })
}

// sameSettings compares the commands read with the target's environment with those read without it. A script may set a variable
// without exporting it, which has an effect only if the variable is exported already. A variable that the script unsets falls
// back to the default of the running toolchain.
func (g *golang) sameSettings(s step, without, with []shell.Command) diag.Diagnostic {
	if len(without) != len(with) {
		return s.reason("env", "RUN "+s.Name+" runs different commands if GOOS and GOARCH are set", "")
	}
	for i, c := range with {
		author, has := without[i].Env, c.Env
		for _, name := range []string{"GOOS", "GOARCH", g.archVar} {
			switch {
			case name == "" || g.e.effect(c) != compiles || author[name] == has[name]:
			case s.added[name] && author[name] == "" && slices.Contains(g.adds, name+"="+has[name]):
			default:
				return s.reason("env", fmt.Sprintf("RUN %s has a different %s if it is set before", c.Text, name), "write ENV "+name+"=… in the stage")
			}
		}
		if g.variant != "" && g.archVar != "" && has[g.archVar] == "" && g.goenv[g.archVar] == "" && g.e.effect(c) == compiles {
			return s.reason("env", fmt.Sprintf("RUN %s unsets %s", c.Text, g.archVar), "do not unset "+g.archVar)
		}
	}
	return diag.Diagnostic{}
}

type setting struct{ name, value string }

func (g *golang) platform() []setting {
	return []setting{{"GOOS", "linux"}, {"GOARCH", g.e.Target.Architecture}}
}

func (g *golang) author(s step, how, name, value string) diag.Diagnostic {
	return s.reason("author", fmt.Sprintf("%s %s=%s is not for %s", how, name, value, platform.Format(g.e.Target)),
		fmt.Sprintf("leave %s out: the build sets it for the platform", name))
}

// target checks the final environment of a command, which a script may have changed.
func (g *golang) target(s step, c shell.Command) diag.Diagnostic {
	for _, v := range g.platform() {
		switch got := c.Env[v.name]; {
		case got == v.value:
		case got == "":
			return s.reason("env", fmt.Sprintf("RUN %s sets %s to an empty value", c.Text, v.name),
				fmt.Sprintf("leave %s out, or declare the ARG that it is set to", v.name))
		case !shell.Known(got):
			return s.reason("env", fmt.Sprintf("RUN %s sets %s to a value that is unknown before it runs", c.Text, v.name), "write "+v.name+"=$TARGET"+v.name[2:])
		default:
			return s.reason("author", fmt.Sprintf("RUN %s builds for %s=%s, not for %s", c.Text, v.name, got, platform.Format(g.e.Target)),
				"leave "+v.name+" out: the build sets it for the platform")
		}
	}
	if v, set := c.Env[g.archVar]; g.archVar != "" && set && v == "" {
		return s.reason("env", fmt.Sprintf("RUN %s sets %s to an empty value", c.Text, g.archVar), "leave "+g.archVar+" out, or declare the ARG that it is set to")
	}
	return g.switching(s, c)
}

// switching refuses a go command that may switch to another version (go.dev/doc/toolchain) where that matters. All versions have
// the same defaults for a port, except for GOARM: it depends on where the toolchain was built.
func (g *golang) switching(s step, c shell.Command) diag.Diagnostic {
	if g.e.Target.Architecture != "arm" || !g.e.inspected || g.minor < 21 || !s.added["GOARM"] {
		return diag.Diagnostic{}
	}
	if t := g.value(c, "GOTOOLCHAIN"); t != "" && t != "local" {
		return s.reason("env", fmt.Sprintf("RUN %s may use another Go toolchain (GOTOOLCHAIN=%s), whose GOARM is unknown", c.Text, t),
			"write ENV GOTOOLCHAIN=local in the stage, or ENV GOARM=7")
	}
	return diag.Diagnostic{}
}

// sameKeys are the variables that go env prints the same on every CPU, or takes from the environment. Others depend on the
// machine.
var sameKeys = []string{
	"GOOS", "GOARCH", "GOPATH", "GOROOT", "GOMODCACHE", "GOCACHE", "GOBIN", "GOFLAGS", "GOPROXY", "GOMOD", "GOWORK", "GOVERSION", "GOEXE",
	"GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOENV", "GO111MODULE", "GOTOOLCHAIN", "GOEXPERIMENT", "GOINSECURE", "GOVCS",
}

// harmless are variables that choose where modules come from.
var harmless = []string{
	"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GO111MODULE", "GOVCS", "GOTELEMETRY", "GOAUTH",
}

// userSettings is the suffix of the file that go env -w writes to.
const userSettings = "/go/env"

// env judges go env by the variables it prints. It refuses a write: that depends on the step's user and home, which are unknown.
func (g *golang) env(s step, c shell.Command) diag.Diagnostic {
	words := c.Args[2:]
	if len(words) == 0 || words[0].Text != "-w" && words[0].Text != "-u" {
		envOutput := slices.ContainsFunc(words, func(w shell.Word) bool { return !slices.Contains(sameKeys, w.Text) && w.Text != "-json" })
		if c.Output == shell.Shown || g.e.Named || len(words) > 0 && !envOutput && words[0].Text != "-json" {
			return diag.Diagnostic{}
		}
		return s.reason("arch", fmt.Sprintf("RUN %s prints the CPU that it runs on", c.Text), "print only GOOS and GOARCH, which are the target's")
	}
	for _, w := range words[1:] {
		if name, _, _ := strings.Cut(w.Text, "="); !slices.Contains(harmless, name) {
			return s.reason("env", fmt.Sprintf("RUN %s sets %s for one user only", c.Text, name), "write ENV "+name+"=… in the stage")
		}
	}
	return diag.Diagnostic{}
}
