package buildkitd

import (
	"net/url"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// IsLoopbackMirror reports whether a mirror of the engine, a URL, is on loopback.
func IsLoopbackMirror(mirror string) bool {
	u, err := url.Parse(mirror)
	return err == nil && address.IsLoopback(u.Host)
}

// LoopbackMirrors returns the mirrors of any registry that are on loopback, sorted.
func (u UserConfig) LoopbackMirrors() (found []string) {
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

// mirrorHost returns the host of a mirror as BuildKit's configuration has it: HOST[:PORT][/PATH], or a
// URL.
func mirrorHost(name string) string {
	if _, rest, ok := strings.Cut(name, "://"); ok {
		name = rest
	}
	host, _, _ := strings.Cut(name, "/")
	return host
}
