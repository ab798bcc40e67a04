package recipe

import (
	"path"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe/shell"
)

// value of a variable of Go's where a command runs: of the environment, else of go env -w and go.env.
func (g *golang) value(c shell.Command, name string) string {
	if v := c.Env[name]; v != "" {
		return v
	}
	return g.goenv[name]
}

// remember notes where a command keeps what must not leave the stage.
func (g *golang) remember(c shell.Command) {
	home := g.value(c, "HOME")
	if home == "" {
		home = "/root"
	}
	or := func(v, other string) string {
		if v == "" {
			return other
		}
		return v
	}
	gopath, _, _ := strings.Cut(or(g.value(c, "GOPATH"), path.Join(home, "go")), ":")
	cache := or(g.value(c, "XDG_CACHE_HOME"), path.Join(home, ".cache"))
	g.stores[or(g.value(c, "GOMODCACHE"), path.Join(gopath, "pkg/mod"))] = moduleCache
	g.stores[or(g.value(c, "GOCACHE"), path.Join(cache, "go-build"))] = "the build cache"
}

// moduleCache may leave for a step that is moved as well: modules are the same for all.
const moduleCache = "the module cache"

// holds names what must not leave and is in a directory, or what the directory is in; moved is of [Leave].
func (g *golang) holds(dir string, moved bool) string {
	for _, store := range slices.Sorted(mapKeys(g.stores)) {
		what := g.stores[store]
		if moved && what == moduleCache {
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

// in reports whether a path is in the toolchain.
func (g *golang) in(name string) bool { return g.root != "" && inside(fixed(name), g.root) }
