package buildkitd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Certs holds, for each registry (host or host:port), files by name: "*.crt" are CA certificates,
// "x.cert" and "x.key" are a client's certificate and key. The layout is that of the engine's certs.d
// (https://docs.docker.com/engine/security/certificates/).
type Certs map[string]map[string][]byte

// MaxFile bounds a certificate file; real ones have a few KiB.
const MaxFile = 1 << 20

// LoadCerts reads directories in the layout of /etc/docker/certs.d. If several directories have a file
// of the same name for a registry, the last one counts. A directory that does not exist is empty. A
// file that the user may not read, often a client key, is left out and reported in notes.
func LoadCerts(dirs ...string) (certs Certs, notes []string, err error) {
	certs = Certs{}
	for _, dir := range dirs {
		hosts, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read registry certificates: %w", err)
		}
		for _, h := range hosts {
			more, err := certs.loadHost(filepath.Join(dir, h.Name()), h.Name())
			if err != nil {
				return nil, nil, err
			}
			notes = append(notes, more...)
		}
	}
	return certs, notes, nil
}

func (c Certs) loadHost(dir, host string) (notes []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil // a plain file, or a directory that the user may not read
	}
	for _, f := range files {
		if f.IsDir() || !slices.Contains([]string{".crt", ".cert", ".key"}, filepath.Ext(f.Name())) {
			continue
		}
		path := filepath.Join(dir, f.Name())
		content, err := readSmall(path)
		if errors.Is(err, fs.ErrPermission) {
			notes = append(notes, fmt.Sprintf("cannot read %s, so the builder does not get it", path))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read certificates for registry %q: %w", host, err)
		}
		if c[host] == nil {
			c[host] = map[string][]byte{}
		}
		c[host][f.Name()] = content
	}
	return notes, nil
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(out) > MaxFile {
		err = fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return out, err
}

// Digests returns a digest of each registry's files.
func (c Certs) Digests() map[string]string {
	if len(c) == 0 {
		return nil
	}
	out := make(map[string]string, len(c))
	for host, files := range c {
		out[host] = digestFiles(files)
	}
	return out
}

// digestFiles returns a digest of a set of files.
func digestFiles(files map[string][]byte) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%d %s %d ", len(name), name, len(files[name]))
		h.Write(files[name])
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// certsKey is the name under which BuildKit looks up a registry of certs.d.
func certsKey(host string) string {
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		return "docker.io"
	}
	return host
}

// certsDir returns the directory of a registry's files in the container.
func certsDir(root, host string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, host)
	return root + "/certs/" + safe
}
