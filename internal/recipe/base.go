package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// marks identify a recipe's base images. One of them is enough.
type marks struct {
	env      []string // variables of the image's configuration
	files    []string
	packages []string // installed by the stage itself
}

// NeededPaths returns the paths of base images that [Recipe.Judge] must know: those to read, and those to check for existence and
// content. target is the configuration of the base image for the target platform. The paths are the same for both platforms.
func (r Recipe) NeededPaths(target ocispecs.ImageConfig, copied []CopiedPath) (read, exists []string) {
	exists = slices.Clone(r.marks.files)
	if r.files != nil {
		read, exists = r.files(target)
	}
	for _, l := range copied {
		exists = append(exists, fixed(l.Path))
	}
	for _, list := range []*[]string{&read, &exists} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return read, exists
}

// file returns the findings about a path in both images. ok is false if it was not inspected in one of them.
func (e *judgement) file(name string) (native, target File, ok bool) {
	native, inNative := e.Base.Native.Files[name]
	target, inTarget := e.Base.Target.Files[name]
	return native, target, inNative && inTarget
}

// both names the two platforms in a sentence.
func (e *judgement) both() string {
	return platform.Format(e.Native) + " and " + platform.Format(e.Target)
}

// sameBase compares the configurations of the base image for the two platforms.
func (e *judgement) sameBase() diag.Diagnostic {
	if e.Base.Native == nil || e.Base.Target == nil {
		why := e.Base.Reason
		if why == "" {
			why = "could not be read"
		}
		return reason("base", "its base image "+why)
	}
	n, t := e.Base.Native.Config, e.Base.Target.Config
	differs := func(what string) diag.Diagnostic {
		return reason("base", fmt.Sprintf("its base image differs in %s between %s", what, e.both()))
	}
	if name := differing(variables(n.Env), variables(t.Env)); name != "" {
		return differs("ENV " + name)
	}
	switch {
	case n.User != t.User:
		return differs("USER")
	case n.WorkingDir != t.WorkingDir:
		return differs("WORKDIR")
	}
	return diag.Diagnostic{}
}

// variables parses KEY=value, without the variables that choose among the variants of a port.
func variables(env []string) map[string]string {
	vars := variablesOf(env)
	maps.DeleteFunc(vars, func(name, _ string) bool { return slices.Contains(portVariables[2:], name) })
	return vars
}

// differing returns the first name whose values differ, or "" if there is none.
func differing(a, b map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if v, ok := b[name]; !ok || v != a[name] {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			return name
		}
	}
	return ""
}

// recognised refuses a stage if neither the base image nor an installed package is of the recipe's kind.
func (e *judgement) recognised() diag.Diagnostic {
	if e.known {
		return diag.Diagnostic{}
	}
	has := func(env []string) bool {
		vars := variables(env)
		return slices.ContainsFunc(e.recipe.marks.env, func(name string) bool { return vars[name] != "" })
	}
	if has(e.Base.Native.Config.Env) && has(e.Base.Target.Config.Env) {
		return diag.Diagnostic{}
	}
	for _, name := range e.recipe.marks.files {
		if native, target, ok := e.file(name); ok && native.Exists && target.Exists {
			return diag.Diagnostic{}
		}
	}
	if slices.ContainsFunc(e.installed, func(p string) bool { return slices.Contains(e.recipe.marks.packages, packageName(p)) }) {
		return diag.Diagnostic{}
	}
	return reason("no-recipe", "recipe "+e.recipe.Name+" does not know its base image")
}

// packageName returns a package without its version.
func packageName(p string) string {
	if i := strings.IndexAny(p, "=<>~@"); i > 0 {
		p = p[:i]
	}
	return strings.TrimSuffix(p, ":native")
}

// copiedPaths checks the paths that others copy from the stage. Its own steps must have made them.
func (e *judgement) copiedPaths() diag.Diagnostic {
	for _, l := range e.Copied {
		refuse := func(check, format, fix string) diag.Diagnostic {
			return diag.Diagnostic{
				Check: check, Severity: diag.Note, Message: fmt.Sprintf(format, l.Path), Fix: fix, File: e.stepsFile(), Line: l.Line,
			}
		}
		fromBase := "copy it from another stage, or take it from the final stage's own base image"
		at := fixed(l.Path)
		if at == "/" {
			return refuse("leaves-base", "%s is copied from it, and contains the whole base image", "copy only the paths that its steps make")
		}
		if store := e.language.holds(at, l.Relocated); store != "" {
			return refuse("leaves-base", "%s is copied from it, and contains "+strings.ReplaceAll(store, "%", "%%"), fromBase)
		}
		if e.installs && touches(at, packageDirs) && !e.isOutput(at) {
			return refuse("leaves-packages", "%s is copied from it, which may come from a package for this CPU", fromBase)
		}
		if !e.inspected {
			continue
		}
		native, target, ok := e.file(at)
		if !ok {
			return refuse("base", "%s is copied from it, and may come from its base image, which was not searched for it", "")
		}
		if native.Holds || target.Holds {
			return refuse("leaves-base", "%s is copied from it, and comes from its base image", fromBase)
		}
	}
	return diag.Diagnostic{}
}

// stepsFile returns the source file of the stage's steps.
func (e *judgement) stepsFile() string {
	for _, s := range e.Steps {
		if s.File != "" {
			return s.File
		}
	}
	return ""
}
