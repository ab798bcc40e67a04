package build

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

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

	mu     sync.Mutex
	warned map[string]bool
}

// newCaching finds out what can be imported. A local cache that is not there is left out with a warning, as docker buildx does: the
// first build of a cache finds none.
func newCaching(c Cache, targets []platform.Platform, note func(string)) *caching {
	all := &caching{note: note, warned: map[string]bool{}}
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

// apply adds the imports, and the one export that belongs into a platform's own solve: the inline cache is a part of its image.
func (c *caching) apply(opt *client.SolveOpt) {
	for _, e := range c.imports {
		opt.CacheImports = append(opt.CacheImports, e.option())
	}
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

// see warns, once for all platforms, of a cache that could not be imported. The build goes on without it.
func (c *caching) see(msg *client.SolveStatus) {
	for _, v := range msg.Vertexes {
		name, ok := strings.CutPrefix(v.Name, importing)
		if !ok || v.Error == "" || strings.Contains(v.Error, "context canceled") {
			continue
		}
		c.mu.Lock()
		again := c.warned[name]
		c.warned[name] = true
		c.mu.Unlock()
		if !again {
			c.note(fmt.Sprintf("warning: no cache was imported from %s: %s", name, v.Error))
		}
	}
}
