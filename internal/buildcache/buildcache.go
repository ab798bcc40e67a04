// Package buildcache has a build's caches imported and exported by BuildKit, for all platforms of a node together.
//
// Where there are caches, a [Holder] keeps the steps of all platforms in BuildKit from before they run, and imports; [Export] then
// exports what was made, each cache once. [Check] finds out before the build whether BuildKit can set an export up.
//
// The package needs of a node what [Node] has, and knows nothing of the way of a build.
package buildcache

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
	From, To []Entry
	// Mounts is what RUN --mount=type=cache gives the platforms.
	Mounts Mounts
}

// Entry is a cache as BuildKit knows it: a type (registry, local, inline, gha, s3, azblob) and its attributes. Where a value has
// [PlatformMark] in it there is one cache for each platform.
type Entry struct {
	Type  string
	Attrs map[string]string
}

// PlatformMark stands for the platform in an attribute of a cache: linux-arm64, linux-arm-v7.
const PlatformMark = "{{platform}}"

// String names the cache for people; it has none of its secrets.
func (e Entry) String() string {
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
func (e Entry) IgnoreError() bool {
	ignore, _ := strconv.ParseBool(e.Attrs["ignore-error"])
	return ignore
}

// Marked reports whether there is one such entry for each platform: it has the [PlatformMark].
func (e Entry) Marked() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(e.Attrs)), func(v string) bool { return strings.Contains(v, PlatformMark) })
}

// of is the entry for one platform. Its map is new.
func (e Entry) of(p platform.Platform) Entry {
	attrs := make(map[string]string, len(e.Attrs))
	for k, v := range e.Attrs {
		attrs[k] = strings.ReplaceAll(v, PlatformMark, strings.ReplaceAll(platform.Format(p), "/", "-"))
	}
	return Entry{Type: e.Type, Attrs: attrs}
}

// each is the entry, or one for each platform where it has the mark.
func (e Entry) each(ps []platform.Platform) []Entry {
	if !e.Marked() {
		return []Entry{e}
	}
	entries := make([]Entry, len(ps))
	for i, p := range ps {
		entries[i] = e.of(p)
	}
	return entries
}

func (e Entry) option() client.CacheOptionsEntry {
	return client.CacheOptionsEntry{Type: e.Type, Attrs: maps.Clone(e.Attrs)} // BuildKit's client writes into the map
}

// Repositories are the repositories that registry caches are exported to, each once: what refuses them fails the build. Exports that may
// fail are left out.
func (c Cache) Repositories(ps []platform.Platform) []reference.Named {
	var repos []reference.Named
	seen := map[string]bool{}
	for _, to := range c.To {
		if to.Type != "registry" || to.IgnoreError() {
			continue
		}
		for _, e := range to.each(ps) {
			if named, err := reference.ParseNormalizedNamed(e.Attrs["ref"]); err == nil && !seen[named.Name()] {
				seen[named.Name()] = true
				repos = append(repos, reference.TrimNamed(named))
			}
		}
	}
	return repos
}

// Services are the exports to services whose attributes only BuildKit can judge, for these platforms. Exports that may fail are left out.
func (c Cache) Services(ps []platform.Platform) []Entry {
	var services []Entry
	for _, e := range c.To {
		if e.Type != "registry" && e.Type != "local" && e.Type != "inline" && !e.IgnoreError() {
			services = append(services, e.each(ps)...)
		}
	}
	return services
}

// Exports tells whether a cache is to be exported that is no part of an image.
func (c Cache) Exports() bool {
	return slices.ContainsFunc(c.To, func(e Entry) bool { return e.Type != "inline" })
}

// References are the hosts that the caches are at, as images that the builder has to reach would be named.
func (c Cache) References() []string {
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

// InlineInto adds the one export that belongs into a platform's own solve: the inline cache is a part of its image.
func (c Cache) InlineInto(opt *client.SolveOpt) {
	isInline := func(e Entry) bool { return e.Type == "inline" }
	asked, _ := strconv.ParseBool(opt.FrontendAttrs["build-arg:BUILDKIT_INLINE_CACHE"])
	if i := slices.IndexFunc(c.To, isInline); i >= 0 { // BuildKit knows no two
		opt.CacheExports = append(opt.CacheExports, c.To[i].option())
	} else if asked {
		opt.CacheExports = append(opt.CacheExports, Entry{Type: "inline"}.option())
	}
}
