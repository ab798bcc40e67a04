package buildkitd

import (
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// Input is everything that determines buildkitd's configuration.
type Input struct {
	User     []byte   // the user's buildkitd.toml, or nil; its keys take precedence
	Insecure []string // registries that the engine talks to without verifying
	Mirrors  []string // the engine's mirrors of Docker Hub
	Certs    Certs
	Bridge   *Bridge // non-nil: RUN steps get BuildKit's own bridge network
	GC       bool    // cap the cache
}

// Compose returns buildkitd.toml and the files that it names, by absolute path in the container, and
// notes about anything that could not be carried over. The same input gives the same bytes. A key that
// the user's file has is never changed.
func Compose(in Input) (files map[string][]byte, notes []string, err error) {
	tree := map[string]any{}
	if in.User != nil {
		if tree, err = parseTOML(in.User); err != nil {
			return nil, nil, fmt.Errorf("BuildKit configuration: %w", err)
		}
	}
	files = map[string][]byte{}

	// RUN --network=host is decided for each build. BuildKit requires that both the daemon and the
	// build allow it; this is the daemon's half.
	setDefault(tree, "insecure-entitlements", []any{"network.host"})
	if in.GC {
		addGC(table(tree, "worker", "oci"))
	}
	if in.Bridge != nil {
		oci := table(tree, "worker", "oci")
		setDefault(oci, "networkMode", "bridge")
		if oci["networkMode"] == "bridge" {
			setDefault(oci, "bridgeName", in.Bridge.Name)
			setDefault(oci, "bridgeSubnet", in.Bridge.Subnet)
		}
	}
	for _, r := range in.Insecure {
		if note := addInsecure(tree, r); note != "" {
			notes = append(notes, note)
		}
	}
	addMirrors(tree, in.Mirrors)
	for host, certs := range in.Certs {
		addCerts(tree, files, host, certs)
	}

	out, err := toml.Marshal(tree)
	if err != nil {
		return nil, nil, fmt.Errorf("BuildKit configuration: %w", err)
	}
	files[Dir+"/buildkitd.toml"] = out
	return files, notes, nil
}

// addInsecure lets BuildKit use a registry as the engine does: HTTPS without verification, then plain
// HTTP.
func addInsecure(tree map[string]any, registry string) (note string) {
	if prefix, err := netip.ParsePrefix(registry); err == nil {
		if prefix.Addr().IsLoopback() {
			return "" // BuildKit uses plain HTTP here by itself
		}
		return fmt.Sprintf("the engine trusts the registries in %s without verification; BuildKit can trust single hosts only:"+
			" if builds use any, name them in the builder's BuildKit configuration", registry)
	}
	section := table(tree, "registry", registry)
	setDefault(section, "http", true)
	setDefault(section, "insecure", true)
	return ""
}

// addMirrors puts the engine's mirrors before Docker Hub.
func addMirrors(tree map[string]any, mirrors []string) {
	var names []any
	for _, m := range mirrors {
		u, err := url.Parse(m)
		if err != nil || u.Host == "" {
			continue
		}
		names = append(names, u.Host+strings.TrimSuffix(u.Path, "/"))
		if u.Scheme == "http" {
			setDefault(table(tree, "registry", u.Host), "http", true)
		}
	}
	if len(names) > 0 {
		setDefault(table(tree, "registry", "docker.io"), "mirrors", names)
	}
}

// addCerts gives a registry its CA certificates and client key pairs.
func addCerts(tree map[string]any, files map[string][]byte, host string, certs map[string][]byte) {
	dir := certsDir(Dir, host)
	var ca, pairs []any
	for _, name := range sortedKeys(certs) {
		inside := path.Join(dir, name)
		switch path.Ext(name) {
		case ".crt":
			files[inside] = certs[name]
			ca = append(ca, inside)
		case ".cert":
			key := strings.TrimSuffix(name, ".cert") + ".key"
			if _, ok := certs[key]; !ok {
				continue
			}
			files[inside], files[path.Join(dir, key)] = certs[name], certs[key]
			pairs = append(pairs, map[string]any{"cert": inside, "key": path.Join(dir, key)})
		}
	}
	if len(ca)+len(pairs) == 0 {
		return
	}
	section := table(tree, "registry", certsKey(host))
	if len(ca) > 0 {
		setDefault(section, "ca", ca)
	}
	if len(pairs) > 0 {
		setDefault(section, "keypair", pairs)
	}
	if address.IsLoopback(host) {
		// Otherwise BuildKit would use plain HTTP for the name and ignore the certificates.
		setDefault(section, "http", false)
	}
}

// table returns the table at a path and creates it if it is missing. If the user has another kind of
// value there, the result is a table that is not part of the tree.
func table(tree map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		if _, ok := tree[k]; !ok {
			tree[k] = map[string]any{}
		}
		next, ok := tree[k].(map[string]any)
		if !ok {
			return map[string]any{}
		}
		tree = next
	}
	return tree
}

func setDefault(t map[string]any, key string, value any) {
	if _, ok := t[key]; !ok {
		t[key] = value
	}
}

func sortedKeys(m map[string][]byte) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
