package hints

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var (
	goCompiles  = matching(`go\s+(build|install)\b`)
	goOutput    = lazyregexp.New(`\s-o[ =]?["']?([^\s"';&|$]+)`)
	goPlatforms = lazyregexp.New(`\bGO(?:OS|ARCH)\b`)
)

// compiledOnce reports a step on the builder's own platform that compiles for it, and whose program is copied into the images of
// other processors. It follows only a program that the command names, since a stage may also run its own output.
func compiledOnce(d *file) []diag.Diagnostic {
	var all []diag.Diagnostic
	at := map[int]int{} // the index in all of a line's hint
	for _, p := range d.builds {
		steps := p.Graph.ByDigest()
		for _, s := range p.Graph.Steps {
			if s.Kind != graph.Exec || s.File != d.name || s.Platform.Architecture == "" || s.Platform.Architecture == p.Platform.Architecture {
				continue
			}
			program := compiledTo(s)
			if program == "" || !d.shared(s.Digest) || !copied(p.Graph, steps, s.Digest, program) {
				continue
			}
			i, known := at[s.Line]
			if !known {
				i, at[s.Line] = len(all), len(all)
				all = append(all, d.hint(diag.Warning, "compiled-once", s.Line, nil,
					fmt.Sprintf("this step compiles the program for %s, and the images of other platforms get it too", platform.Format(s.Platform)),
					"add ARG TARGETOS TARGETARCH to the stage, before this line, and compile with GOOS=$TARGETOS GOARCH=$TARGETARCH go build …"))
			}
			all[i].Platforms = append(all[i].Platforms, platform.Format(p.Platform))
		}
	}
	return all
}

// shared reports whether platforms of several processors have a step.
func (d *file) shared(step digest.Digest) bool {
	archs := map[string]bool{}
	for _, p := range d.builds {
		if slices.ContainsFunc(p.Graph.Steps, func(s graph.Step) bool { return s.Digest == step }) {
			archs[p.Platform.Architecture] = true
		}
	}
	return len(archs) > 1
}

// compiledTo returns the path of the program, or of the directory of programs, that a step compiles for its own platform. It is
// "" if the step compiles nothing, or names no path.
func compiledTo(s graph.Step) string {
	text := commandOf(s)
	m := goCompiles().FindStringSubmatch(text)
	if m == nil || goPlatforms().MatchString(text) || slices.ContainsFunc(s.Env, goPlatforms().MatchString) {
		return ""
	}
	if m[1] == "install" {
		return "/go/bin"
	}
	if o := goOutput().FindStringSubmatch(text); o != nil {
		return path.Join("/", absolute(s.Cwd, o[1]))
	}
	return ""
}

func absolute(cwd, name string) string {
	if path.IsAbs(name) {
		return name
	}
	return path.Join(cwd, name)
}

// copied reports whether the result copies a program from the stage in which a step made it.
func copied(g graph.Graph, steps map[digest.Digest]graph.Step, maker digest.Digest, program string) bool {
	inside := func(name, dir string) bool {
		return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
	}
	for _, s := range g.Chain() {
		for _, take := range s.InputPaths {
			if take.Path == "/" || !inside(take.Path, program) && !inside(program, take.Path) {
				continue
			}
			from, ok := steps[take.Input]
			if ok && slices.ContainsFunc(graph.ChainTo(steps, from), func(below graph.Step) bool { return below.Digest == maker }) {
				return true
			}
		}
	}
	return false
}
