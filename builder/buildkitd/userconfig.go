package buildkitd

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// UserConfig is a buildkitd.toml of the user with the files that it names. The zero value means that
// there is none.
type UserConfig struct {
	TOML  []byte            // nil: none was given
	Files map[string][]byte // by absolute path in the container; TOML names these
	Notes []string          // for the user, about the file
}

// Digest identifies a configuration: it changes with the TOML and with each file.
func (u UserConfig) Digest() string {
	files := map[string][]byte{"": u.TOML}
	for p, f := range u.Files {
		files[p] = f
	}
	return digestFiles(files)
}

// LoadConfig reads a buildkitd.toml (--builder-config). The `ca` and `keypair` files that its registry
// sections name are on this machine, relative to the file, so LoadConfig reads them and writes their
// paths in the container into the TOML. Invalid TOML is an error with its line. A key that this
// program's BuildKit does not know is a note, since the builder's BuildKit may be newer.
func LoadConfig(file string) (UserConfig, error) {
	raw, err := readSmall(file)
	if err != nil {
		return UserConfig{}, fmt.Errorf("BuildKit configuration: %w", err)
	}
	tree, err := parseTOML(raw)
	if err != nil {
		return UserConfig{}, fmt.Errorf("BuildKit configuration %q: %w", file, err)
	}
	out := UserConfig{Files: map[string][]byte{}, Notes: unknownKeys(file, tree)}
	registries, _ := tree["registry"].(map[string]any)
	for host, v := range registries {
		section, ok := v.(map[string]any)
		if !ok {
			continue
		}
		if err := out.takeFiles(section, filepath.Dir(file), certsDir(UserDir, host)); err != nil {
			return UserConfig{}, fmt.Errorf("BuildKit configuration %q: registry %q: %w", file, host, err)
		}
	}
	if out.TOML, err = toml.Marshal(tree); err != nil {
		return UserConfig{}, fmt.Errorf("BuildKit configuration %q: %w", file, err)
	}
	return out, nil
}

// takeFiles reads the files of one registry section and replaces their paths with those in the
// container, below dir.
func (u *UserConfig) takeFiles(section map[string]any, base, dir string) error {
	if list, ok := section["ca"].([]any); ok {
		for i, v := range list {
			name, ok := v.(string)
			if !ok {
				return errors.New("ca is not a list of file names")
			}
			inside, err := u.take(name, base, dir)
			if err != nil {
				return err
			}
			list[i] = inside
		}
	}
	pairs, _ := section["keypair"].([]any)
	for _, p := range pairs {
		pair, _ := p.(map[string]any)
		for _, k := range []string{"key", "cert"} {
			name, ok := pair[k].(string)
			if !ok {
				continue
			}
			inside, err := u.take(name, base, dir)
			if err != nil {
				return err
			}
			pair[k] = inside
		}
	}
	return nil
}

// take reads a file of this machine, relative to base, for a path below dir in the container, and
// returns that path.
func (u *UserConfig) take(name, base, dir string) (inside string, err error) {
	local := filepath.FromSlash(name)
	if !filepath.IsAbs(local) {
		local = filepath.Join(base, local)
	}
	content, err := readSmall(local)
	if err != nil {
		return "", err
	}
	inside = path.Join(dir, path.Base(filepath.ToSlash(local)))
	if old, ok := u.Files[inside]; ok && string(old) != string(content) {
		return "", fmt.Errorf("two files are named %q", path.Base(inside))
	}
	u.Files[inside] = content
	return inside, nil
}

// parseTOML keeps every key, known or not. Its errors have the line.
func parseTOML(raw []byte) (map[string]any, error) {
	tree := map[string]any{}
	if err := toml.Unmarshal(raw, &tree); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, col := at.Position()
			return nil, fmt.Errorf("line %d, column %d: %w", line, col, err)
		}
		return nil, err
	}
	return tree, nil
}

// unknownKeys returns notes about keys that BuildKit does not know, in the two places where people
// write them by hand, the top level and the registry sections: a mistyped key otherwise has no effect.
// The lists are those of github.com/moby/buildkit/cmd/buildkitd/config, v0.33.
func unknownKeys(file string, tree map[string]any) []string {
	top := []string{
		"debug", "trace", "root", "insecure-entitlements", "proxyNetwork", "log", "grpc", "otel", "cdi",
		"worker", "registry", "dns", "history", "frontend", "system", "provenanceEnvDir", "cache",
	}
	perRegistry := []string{"mirrors", "http", "insecure", "ca", "keypair", "tlsconfigdir"}

	var notes []string
	check := func(where string, t map[string]any, known []string) {
		for _, k := range slices.Sorted(maps.Keys(t)) {
			if !slices.Contains(known, k) {
				notes = append(notes, fmt.Sprintf("%s: BuildKit may not know the key %q%s; it knows %s", file, k, where, strings.Join(known, ", ")))
			}
		}
	}
	check("", tree, top)
	registries, _ := tree["registry"].(map[string]any)
	for _, host := range slices.Sorted(maps.Keys(registries)) {
		if section, ok := registries[host].(map[string]any); ok {
			check(fmt.Sprintf(" of registry %q", host), section, perRegistry)
		}
	}
	return notes
}
