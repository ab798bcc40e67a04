package buildkitd

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Archive packs files with the directories above them. Only root may read the files: client keys may be
// among them.
func Archive(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	made := map[string]bool{"/": true, "/etc": true} // the image has these
	for _, name := range sortedKeys(files) {
		for _, dir := range parents(name) {
			if made[dir] {
				continue
			}
			made[dir] = true
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir[1:] + "/", Mode: 0o755}); err != nil {
				return nil, fmt.Errorf("pack %q: %w", dir, err)
			}
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name[1:], Mode: 0o600, Size: int64(len(files[name]))}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %q: %w", name, err)
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, fmt.Errorf("pack %q: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack files: %w", err)
	}
	return out.Bytes(), nil
}

// parents lists the directories above an absolute path, the highest first.
func parents(name string) []string {
	var out []string
	for i, r := range name {
		if r == '/' {
			out = append(out, path.Clean(name[:i+1]))
		}
	}
	return out
}

// ReadArchive reads a tar archive of UserDir.
func ReadArchive(rd io.Reader) (UserConfig, error) {
	cfg := UserConfig{Files: map[string][]byte{}}
	for r := tar.NewReader(rd); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return UserConfig{}, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(r, MaxFile))
		if err != nil {
			return UserConfig{}, err
		}
		// The names in the archive begin with the name of the directory itself.
		_, rest, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+h.Name), "/"), "/")
		if rest == "buildkitd.toml" {
			cfg.TOML = content
			continue
		}
		cfg.Files[path.Join(UserDir, rest)] = content
	}
	if cfg.TOML == nil {
		return UserConfig{}, errors.New("buildkitd.toml is missing")
	}
	return cfg, nil
}
