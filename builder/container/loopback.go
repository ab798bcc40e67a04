package container

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// NeedsHostNetwork says whether any of refs (image names, tags, cache or
// registry references; "host:port" alone too) is in a registry on the loopback
// interface, which a builder reaches on the host's network only. What cannot be
// read as a name does not count.
func NeedsHostNetwork(refs ...string) bool {
	for _, ref := range refs {
		if address.IsLoopback(registryHost(ref)) {
			return true
		}
	}
	return false
}

// registryHost is the host[:port] of a reference, "" if it has none.
func registryHost(ref string) string {
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		if host := reference.Domain(named); host != "docker.io" {
			return host
		}
	}
	host, _, _ := strings.Cut(ref, "/")
	if strings.ContainsAny(host, ":[") {
		return host
	}
	return ""
}

// isLoopbackMirror says whether a mirror of the engine, a URL, is on loopback.
func isLoopbackMirror(mirror string) bool {
	u, err := url.Parse(mirror)
	return err == nil && address.IsLoopback(u.Host)
}

// withheld says which of the engine's mirrors a builder does not get, since it would not reach them.
func (k *keeper) withheld(want settings) (notes []string) {
	for _, m := range k.info.Mirrors {
		if !slices.Contains(want.Mirrors, m) {
			notes = append(notes, fmt.Sprintf("the engine's mirror %s is not used: it is on loopback, and the builder is not on the host's network"+
				" (--driver-opt network=host puts it there)", m))
		}
	}
	return notes
}

// loopbackMirrors are the mirrors of any registry that are on loopback, sorted.
func (u UserConfig) loopbackMirrors() (found []string) {
	if u.TOML == nil {
		return nil
	}
	tree, err := parseTOML(u.TOML)
	if err != nil {
		return nil
	}
	registries, _ := tree["registry"].(map[string]any)
	for _, v := range registries {
		section, _ := v.(map[string]any)
		mirrors, _ := section["mirrors"].([]any)
		for _, m := range mirrors {
			if name, ok := m.(string); ok && address.IsLoopback(mirrorHost(name)) {
				found = append(found, name)
			}
		}
	}
	slices.Sort(found)
	return found
}

// mirrorHost is the host of a mirror as BuildKit's configuration has it: HOST[:PORT][/PATH], or a URL.
func mirrorHost(name string) string {
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	host, _, _ := strings.Cut(name, "/")
	return host
}
