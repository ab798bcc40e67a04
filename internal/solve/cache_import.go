package solve

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/ociindex"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// caching is what the solves of a build have to do with caches. They share one.
type caching struct {
	imports []CacheEntry
	inline  []CacheEntry // at most one: BuildKit knows no two
	note    func(string)

	told map[string]bool // that an import failed, by BuildKit's name for it; the keeper's only
}

// newCaching finds out what can be imported. A local cache that is not there is left out with a warning, as docker buildx does: the
// first build of a cache finds none.
func newCaching(c Cache, targets []platform.Platform, note func(string)) *caching {
	all := &caching{note: note, told: map[string]bool{}}
	for _, from := range c.From {
		for _, e := range from.each(targets) {
			same := func(have CacheEntry) bool { return have.Type == e.Type && maps.Equal(have.Attrs, e.Attrs) }
			if slices.ContainsFunc(all.imports, same) {
				continue
			}
			if e.Type == "local" {
				found, err := findLocal(e)
				if err != nil {
					note(fmt.Sprintf("warning: no cache was imported from %s: %v", e, err))
					continue
				}
				e = found
			}
			all.imports = append(all.imports, e)
		}
	}
	if i := slices.IndexFunc(c.To, func(e CacheEntry) bool { return e.Type == "inline" }); i >= 0 {
		all.inline = c.To[i : i+1]
	}
	return all
}

// findLocal is the entry with the digest of what its tag names now, so that all platforms import the same.
func findLocal(e CacheEntry) (CacheEntry, error) {
	if e.Attrs["digest"] != "" {
		return e, nil
	}
	tag := e.Attrs["tag"]
	if tag == "" {
		tag = "latest"
	}
	desc, err := ociindex.NewStoreIndex(filepath.Clean(e.Attrs["src"])).Get(tag)
	if err != nil {
		return e, err
	}
	if desc == nil {
		return e, fmt.Errorf("it has no cache with the tag %q", tag)
	}
	e.Attrs = maps.Clone(e.Attrs)
	e.Attrs["digest"] = desc.Digest.String()
	return e, nil
}

// kept tells whether there is anything for a [keeper] to do: a cache to import, or one to export, be it in the image. An image that is
// solved once more, to be pushed without its attestations, is the same for certain if its steps are held, the context among them.
func (c *caching) kept(req Request) bool {
	return len(c.imports)+len(req.Cache.To) > 0 || req.attested() && req.pushes()
}

// importInto makes a solve offer what its imports need of the client.
func (c *caching) importInto(opt *client.SolveOpt) {
	for _, e := range c.imports {
		opt.CacheImports = append(opt.CacheImports, e.option())
	}
}

// exportInto adds the one export that belongs into a platform's own solve: the inline cache is a part of its image.
func (c *caching) exportInto(opt *client.SolveOpt) {
	inline := c.inline
	if asked, _ := strconv.ParseBool(opt.FrontendAttrs["build-arg:BUILDKIT_INLINE_CACHE"]); asked && len(inline) == 0 {
		inline = []CacheEntry{{Type: "inline"}}
	}
	for _, e := range inline {
		opt.CacheExports = append(opt.CacheExports, e.option())
	}
}

// request asks for a definition: with the imports, which no frontend hands on.
func (c *caching) request(def *pb.Definition) gateway.SolveRequest {
	req := gateway.SolveRequest{Definition: def}
	for _, e := range c.imports {
		req.CacheImports = append(req.CacheImports, gateway.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs})
	}
	return req
}

// importing begins the name of BuildKit's step that imports (solver/llbsolver/bridge.go).
const importing = "importing cache manifest from "

// see warns of the imports that failed. The build goes on without them.
func (c *caching) see(msg *client.SolveStatus) {
	for _, v := range msg.Vertexes {
		name, ok := strings.CutPrefix(v.Name, importing)
		if ok && v.Completed != nil && v.Error != "" && !c.told[name] {
			c.told[name] = true
			c.note(fmt.Sprintf("warning: no cache was imported from %s: %s", c.named(name), v.Error))
		}
	}
}

// importName is what the progress calls the step that imports.
func (c *caching) importName(v *client.Vertex) string {
	if name, ok := strings.CutPrefix(v.Name, importing); ok {
		return "importing the build cache from " + c.named(name)
	}
	return ""
}

// named finds the import that BuildKit means by "TYPE:HASH", if it can be but one.
func (c *caching) named(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	var found []string
	for _, e := range c.imports {
		if e.Type == kind && kind != "registry" {
			found = append(found, e.String())
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return name
}
