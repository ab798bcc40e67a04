// Package buildcache makes BuildKit import and export a build's caches, for all platforms of a node together.
//
// If there are caches, a [Holder] keeps the steps of all platforms in BuildKit from before they run, and imports; [Export] then exports the
// results, each cache once. [Check] finds out before the build whether BuildKit can set up an export.
//
// The package uses the operations of [Node], and does not depend on how a build runs.
package buildcache

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Cache says where build caches come from and where they go. The zero value has none, and decides about cache mounts automatically.
type Cache struct {
	From, To []Entry
	// Mounts selects whether platforms share RUN --mount=type=cache.
	Mounts Mounts
}

// Entry is a cache as BuildKit knows it: a type (registry, local, inline, gha, s3, azblob) and its attributes. If a value contains
// [PlatformMark] there is one cache for each platform.
type Entry struct {
	Type  string
	Attrs map[string]string
	// Folder is where a local cache is exported to in the place of its destination, of which it is a part; "": to the destination itself. Then
	// neither a tag nor a reset is passed on.
	Folder string
}

// PlatformMark stands for the platform in an attribute of a cache: linux-arm64, linux-arm-v7.
const PlatformMark = "{{platform}}"

// String returns the cache's name for people; it contains no secrets.
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

// IgnoreError reports whether the build goes on without this export, as BuildKit reads the attribute.
func (e Entry) IgnoreError() bool {
	ignore, _ := strconv.ParseBool(e.Attrs["ignore-error"])
	return ignore
}

// Marked reports whether there is one such entry for each platform: it contains the [PlatformMark].
func (e Entry) Marked() bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(e.Attrs)), func(v string) bool { return strings.Contains(v, PlatformMark) })
}

// of returns the entry for one platform. Its map is new.
func (e Entry) of(p platform.Platform) Entry {
	attrs := make(map[string]string, len(e.Attrs))
	for k, v := range e.Attrs {
		attrs[k] = strings.ReplaceAll(v, PlatformMark, strings.ReplaceAll(platform.Format(p), "/", "-"))
	}
	return Entry{Type: e.Type, Attrs: attrs}
}

// each returns the entry, or one for each platform if it has the mark.
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
	attrs := maps.Clone(e.Attrs) // BuildKit's client writes into the map
	if e.Folder != "" {
		attrs["dest"] = e.Folder
		delete(attrs, "tag")
		delete(attrs, "reset")
	}
	return client.CacheOptionsEntry{Type: e.Type, Attrs: attrs}
}

// Repositories returns the repositories that registry caches are exported to, each once: a refusal by one of them fails the build. Exports
// that may fail are left out.
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

// Services returns the exports to services whose attributes only BuildKit can judge, for these platforms. Exports that may fail are left
// out.
func (c Cache) Services(ps []platform.Platform) []Entry {
	var services []Entry
	for _, e := range c.To {
		if e.Type != "registry" && e.Type != "local" && e.Type != "inline" && !e.IgnoreError() {
			services = append(services, e.each(ps)...)
		}
	}
	return services
}

// Among returns an error if there is a cache of another type than those that the BuildKit of a node has; nil stands for all types.
func (c Cache) Among(types []string, node string) error {
	var errs []error
	for _, e := range slices.Concat(c.From, c.To) {
		if types != nil && !slices.Contains(types, e.Type) {
			errs = append(errs, fmt.Errorf("node %q has no build caches of type %s: its BuildKit has %s", node, e.Type, strings.Join(types, ", ")))
		}
	}
	return errors.Join(errs...)
}

// Exports reports whether there is an export that is not part of an image.
func (c Cache) Exports() bool {
	return slices.ContainsFunc(c.To, func(e Entry) bool { return e.Type != "inline" })
}

// References returns the hosts of the caches, in the form of images that the builder must reach.
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

// InlineInto adds the one export that belongs to a platform's own solve: the inline cache is a part of its image.
func (c Cache) InlineInto(opt *client.SolveOpt) {
	isInline := func(e Entry) bool { return e.Type == "inline" }
	asked, _ := strconv.ParseBool(opt.FrontendAttrs["build-arg:BUILDKIT_INLINE_CACHE"])
	if i := slices.IndexFunc(c.To, isInline); i >= 0 { // BuildKit supports only one
		opt.CacheExports = append(opt.CacheExports, c.To[i].option())
	} else if asked {
		opt.CacheExports = append(opt.CacheExports, Entry{Type: "inline"}.option())
	}
}
