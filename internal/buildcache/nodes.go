package buildcache

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// Joined reports whether the exports of several nodes are joined under the name of this one.
func (e Entry) Joined() bool { return (e.Type == "registry" || e.Type == "local") && !e.Marked() }

// Resets reports whether the folder of a local cache is cleaned after the export, as BuildKit's client reads the attribute.
func (e Entry) Resets() bool {
	resets, _ := strconv.ParseBool(e.Attrs["reset"])
	return resets
}

// serviceNames are the attributes by which a service finds a cache (BuildKit's cache/remotecache). BuildKit's default is the same for all.
var serviceNames = map[string]string{"s3": "name", "azblob": "name", "gha": "scope"}

const serviceDefault = "buildkit"

// OnNode returns the caches of one of a builder's nodes. Each node exports under a name of its own, so that none replaces another's cache;
// from a service, which cannot join them, the caches of all nodes are imported.
func (c Cache) OnNode(node string, all []string) Cache {
	var on Cache
	on.Mounts = c.Mounts
	for _, e := range c.From {
		on.From = append(on.From, e)
		if key, ok := serviceNames[e.Type]; ok && !e.Marked() {
			for _, n := range all {
				on.From = append(on.From, e.with(key, suffixed(e.Attrs[key], n)))
			}
		}
	}
	for _, e := range c.To {
		if key, ok := serviceNames[e.Type]; ok && !e.Marked() {
			e = e.with(key, suffixed(e.Attrs[key], node))
		} else if tag, ok := e.Tag(); ok {
			share, err := reference.WithTag(reference.TrimNamed(tag), shareTag(tag.Tag(), node))
			if err == nil {
				e = e.with("ref", share.String())
			}
		}
		on.To = append(on.To, e)
	}
	return on
}

// Tag returns the tag of a registry under which the nodes' exports are joined; ok is false if there is none.
func (e Entry) Tag() (tag reference.NamedTagged, ok bool) {
	named, err := reference.ParseNormalizedNamed(e.Attrs["ref"])
	if err != nil || !e.Joined() {
		return nil, false
	}
	tag, ok = reference.TagNameOnly(named).(reference.NamedTagged)
	return tag, ok
}

func (e Entry) with(key, value string) Entry {
	attrs := maps.Clone(e.Attrs)
	attrs[key] = value
	return Entry{Type: e.Type, Attrs: attrs}
}

// suffixed returns a node's names for those of a cache in a service, which are separated by semicolons.
func suffixed(names, node string) string {
	if names == "" {
		names = serviceDefault
	}
	all := slices.Collect(strings.SplitSeq(names, ";"))
	for i := range all {
		all[i] += "-" + node
	}
	return strings.Join(all, ";")
}

// notInTag matches characters that a tag cannot have.
var notInTag = lazyregexp.New("[^A-Za-z0-9_.-]+")

// shareTag returns the tag that a node exports to. A name that had to be changed gets a hash, so that it remains the node's own.
func shareTag(tag, node string) string {
	const most, hashed = 128, 8
	share := tag + "-" + notInTag().ReplaceAllString(node, "-")
	if share == tag+"-"+node && len(share) <= most {
		return share
	}
	hash := digest.FromString(tag + "\n" + node).Encoded()[:hashed]
	return fmt.Sprintf("%s-%s", share[:min(len(share), most-hashed-1)], hash)
}
