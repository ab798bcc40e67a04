package recipe

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// value returns the value of a Go variable for a command: from the environment, otherwise from go.env and the user's settings in
// the image.
func (g *golang) value(c shell.Command, name string) string {
	if v := c.Env[name]; v != "" {
		return v
	}
	return g.goenv[name]
}

// homeOf returns the home directory of a command.
func homeOf(c shell.Command) string { return cmp.Or(c.Env["HOME"], "/root") }

// gopath returns the first directory of GOPATH, where a command keeps modules and installs programs.
func (g *golang) gopath(c shell.Command) string {
	first, _, _ := strings.Cut(cmp.Or(g.value(c, "GOPATH"), path.Join(homeOf(c), "go")), ":")
	return first
}

// recordStores records directories of a command that must not leave the stage.
func (g *golang) recordStores(c shell.Command) {
	cache := cmp.Or(g.value(c, "XDG_CACHE_HOME"), path.Join(homeOf(c), ".cache"))
	g.stores[cmp.Or(g.value(c, "GOMODCACHE"), path.Join(g.gopath(c), "pkg/mod"))] = moduleCache
	g.stores[cmp.Or(g.value(c, "GOCACHE"), path.Join(cache, "go-build"))] = "the build cache"
}

// moduleCache may leave for a relocated step, since modules are the same for all platforms.
const moduleCache = "the module cache"

// holds returns the name of something that must not leave and is in a directory, or contains it. relocated is that of [CopiedPath].
func (g *golang) holds(dir string, relocated bool) string {
	for _, store := range slices.Sorted(maps.Keys(g.stores)) {
		what := g.stores[store]
		if relocated && what == moduleCache {
			continue
		}
		if inside(store, dir) || what != moduleCache && inside(dir, store) {
			return what
		}
	}
	if g.root != "" && (inside(g.root, dir) || inside(dir, g.root)) {
		return "the Go toolchain"
	}
	if dir == "/home" || path.Dir(dir) == "/home" {
		return "a home directory, and in it the build cache"
	}
	return ""
}

// contains reports whether a path is in the toolchain.
func (g *golang) contains(name string) bool { return g.root != "" && inside(fixed(name), g.root) }

// overlaps reports whether one of the paths is in the toolchain or contains it. A write there may install another Go.
func (g *golang) overlaps(names []string) bool {
	return slices.ContainsFunc(names, func(p string) bool { return g.contains(p) || inside(g.root, p) })
}
