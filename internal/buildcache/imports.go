package buildcache

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/ociindex"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imports are the caches that a node imports.
type imports struct {
	entries []Entry
	note    diag.Notes

	mu       sync.Mutex
	reported map[string]bool // the failed imports that were reported, by BuildKit's names
}

// newImports finds out which caches can be imported. A local cache that does not exist is left out with a warning, as in docker buildx: the
// first build with a cache finds none.
func newImports(from []Entry, ps []platform.Platform, note diag.Notes) *imports {
	all := &imports{note: note, reported: map[string]bool{}}
	for _, f := range from {
		for _, e := range f.each(ps) {
			same := func(have Entry) bool { return have.Type == e.Type && maps.Equal(have.Attrs, e.Attrs) }
			if slices.ContainsFunc(all.entries, same) {
				continue
			}
			if e.Type == "local" {
				found, err := findLocal(e)
				if err != nil {
					note(diag.Warningf("no cache was imported from %s: %v", e, err))
					continue
				}
				e = found
			}
			all.entries = append(all.entries, e)
		}
	}
	return all
}

// findLocal returns the entry with the digest that its tag names now, so that all platforms import the same.
func findLocal(e Entry) (Entry, error) {
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

// into adds to a solve the client's services for its imports.
func (m *imports) into(opt *client.SolveOpt) {
	for _, e := range m.entries {
		opt.CacheImports = append(opt.CacheImports, e.option())
	}
}

// request returns a request for a definition, with the imports, which no frontend passes on.
func (m *imports) request(def *pb.Definition) gateway.SolveRequest {
	req := gateway.SolveRequest{Definition: def}
	for _, e := range m.entries {
		req.CacheImports = append(req.CacheImports, gateway.CacheOptionsEntry{Type: e.Type, Attrs: e.Attrs})
	}
	return req
}

// begin lets BuildKit read the imported caches while the Dockerfile is read: it reads them when it looks for the first step in them, and once
// for a solve.
func (m *imports) begin(ctx context.Context, gw gateway.Client) {
	def, err := llb.Scratch().File(llb.Mkfile("/nothing", 0o400, nil)).Marshal(ctx)
	if err == nil {
		evaluate(ctx, gw, m.request(def.ToPB())) // an import that fails is a warning
	}
}

// warnFailed warns of the imports that failed. The build goes on without them.
func (m *imports) warnFailed(msg *client.SolveStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range msg.Vertexes {
		name, ok := buildkitmsg.CacheImport(v.Name)
		if ok && v.Completed != nil && v.Error != "" && !m.reported[name] {
			m.reported[name] = true
			m.note(diag.Warningf("no cache was imported from %s: %s", m.named(name), v.Error))
		}
	}
}

// shownName returns the name that the progress shows for the vertex of an import.
func (m *imports) shownName(v *client.Vertex) string {
	if name, ok := buildkitmsg.CacheImport(v.Name); ok {
		return "importing the build cache from " + m.named(name)
	}
	return ""
}

// named returns the import that BuildKit names by "TYPE:HASH", if only one can be meant.
func (m *imports) named(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	var found []string
	for _, e := range m.entries {
		if e.Type == kind && kind != "registry" {
			found = append(found, e.String())
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return name
}
