package solve

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Cache says where build caches come from and where they go. The zero value has none, and decides about cache mounts by itself.
type Cache struct {
	From, To []CacheEntry
	// Mounts is what RUN --mount=type=cache gives the platforms.
	Mounts CacheMounts
}

// CacheEntry is a cache as BuildKit knows it: a type (registry, local, inline, gha, s3, azblob) and its attributes. Where a value has
// [PlatformMark] in it there is one cache for each platform.
type CacheEntry struct {
	Type  string
	Attrs map[string]string
}

// PlatformMark stands for the platform in an attribute of a cache: linux-arm64, linux-arm-v7.
const PlatformMark = "{{platform}}"

// String names the cache for people; it has none of its secrets.
func (e CacheEntry) String() string {
	var words []string
	for _, key := range []string{"ref", "dest", "src", "bucket", "account_url", "container", "prefix", "scope", "name"} {
		if v := e.Attrs[key]; v != "" {
			words = append(words, v)
		}
	}
	if e.Type == "registry" || e.Type == "local" {
		return strings.Join(words, " ")
	}
	return strings.Join(append([]string{e.Type}, words...), " ")
}

// IgnoreError tells whether the build goes on without this export, as BuildKit reads the attribute.
func (e CacheEntry) IgnoreError() bool {
	ignore, _ := strconv.ParseBool(e.Attrs["ignore-error"])
	return ignore
}

func (e CacheEntry) marked() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(e.Attrs)), func(v string) bool { return strings.Contains(v, PlatformMark) })
}

// of is the entry for one platform. Its map is new.
func (e CacheEntry) of(p platform.Platform) CacheEntry {
	attrs := make(map[string]string, len(e.Attrs))
	for k, v := range e.Attrs {
		attrs[k] = strings.ReplaceAll(v, PlatformMark, strings.ReplaceAll(platform.Format(p), "/", "-"))
	}
	return CacheEntry{Type: e.Type, Attrs: attrs}
}

// each is the entry, or one for each platform where it has the mark.
func (e CacheEntry) each(ps []platform.Platform) []CacheEntry {
	if !e.marked() {
		return []CacheEntry{e}
	}
	entries := make([]CacheEntry, len(ps))
	for i, p := range ps {
		entries[i] = e.of(p)
	}
	return entries
}

func (e CacheEntry) option() client.CacheOptionsEntry {
	return client.CacheOptionsEntry{Type: e.Type, Attrs: maps.Clone(e.Attrs)} // BuildKit's client writes into the map
}

// CacheRepositories are the repositories that registry caches are exported to, each once: what refuses them fails the build, so they
// are asked before it, except those of exports that may fail. Repositories of the result are not among them.
func (r Request) CacheRepositories() []reference.Named {
	var repos []reference.Named
	seen := map[string]bool{}
	for _, repo := range r.Repositories() {
		seen[repo.Name()] = true
	}
	for _, to := range r.Cache.To {
		if to.Type != "registry" || to.IgnoreError() {
			continue
		}
		for _, e := range to.each(r.Platforms) {
			if named, err := reference.ParseNormalizedNamed(e.Attrs["ref"]); err == nil && !seen[named.Name()] {
				seen[named.Name()] = true
				repos = append(repos, reference.TrimNamed(named))
			}
		}
	}
	return repos
}

// Exports tells whether a cache is to be exported that is no part of an image.
func (c Cache) Exports() bool {
	return slices.ContainsFunc(c.To, func(e CacheEntry) bool { return e.Type != "inline" })
}

// references are the hosts that the caches are at, as images that the builder has to reach would be named.
func (c Cache) references() []string {
	var refs []string
	for _, e := range slices.Concat(c.From, c.To) {
		for key, value := range e.Attrs {
			_, rest, isURL := strings.Cut(value, "://")
			host, _, _ := strings.Cut(rest, "/")
			switch {
			case isURL:
				refs = append(refs, host+"/cache")
			case key == "ref":
				refs = append(refs, strings.ReplaceAll(value, PlatformMark, "platform"))
			}
		}
	}
	return refs
}
