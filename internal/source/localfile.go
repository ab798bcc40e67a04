package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
)

// The ignore file of a context, and that of a single Dockerfile, which takes precedence (BuildKit, frontend/dockerui/config.go).
const (
	ignoreName   = ".dockerignore"
	ignoreSuffix = ".dockerignore"
)

// chosenDockerfile returns the Dockerfile of that name that the context has.
func (s *opener) chosenDockerfile(name string) (Dockerfile, error) {
	shown := filepath.Join(s.ContextDir, name)
	text, err := ReadInContext(s.ContextDir, name, maxDockerfile)
	if errors.Is(err, fs.ErrNotExist) {
		return Dockerfile{}, &DockerfileError{Path: shown}
	}
	if err != nil {
		return Dockerfile{}, &DockerfileError{shown, err}
	}
	ignore, err := ignoreFile(s.ContextDir, name+ignoreSuffix)
	return Dockerfile{Name: name, Shown: shown, dir: s.ContextDir, Text: string(text), ignore: ignore}, err
}

// namedDockerfile returns a file that the user names. BuildKit is served its folder, provided that everything is in there: a link that
// leads out of a folder reaches BuildKit as a link to nothing. BuildKit is served a copy of such a file, and of a pipe.
func (s *opener) namedDockerfile(ctx context.Context, name string) (Dockerfile, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Dockerfile{}, &DockerfileError{Path: name}
	case err != nil:
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q cannot be read: %w", name, err)
	case info.IsDir():
		return Dockerfile{}, &DockerfileError{name, errors.New("is a directory")}
	case !info.Mode().IsRegular():
		text, err := readPipe(ctx, s.opt, name)
		if err != nil {
			return Dockerfile{}, fmt.Errorf("the Dockerfile %q %w", name, err)
		}
		return s.copied(name, dockerfileName, text, nil)
	}
	dir, base := filepath.Dir(name), filepath.Base(name)
	ignore, err := s.besideNamed(dir, base+ignoreSuffix)
	if err != nil {
		return Dockerfile{}, err
	}
	text, err := ReadInContext(dir, base, maxDockerfile)
	if _, out := ReadInContext(dir, base+ignoreSuffix, maxIgnoreFile); err == nil && (out == nil || ignore == nil) {
		return Dockerfile{Name: base, Shown: name, dir: dir, Text: string(text), ignore: ignore}, nil
	}
	if text, err = readFile(name, maxDockerfile); err != nil {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q %w", name, err)
	}
	return s.copied(name, base, text, ignore)
}

// besideNamed reads the ignore file of a Dockerfile that the user names; nil if there is none. In the context the context chooses it,
// elsewhere the user does.
func (s *opener) besideNamed(dir, name string) ([]byte, error) {
	if rel, ok := s.inContext(dir); ok {
		return ignoreFile(s.ContextDir, filepath.Join(rel, name))
	}
	data, err := readFile(filepath.Join(dir, name), maxIgnoreFile)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return nil, nil
		}
		err = errors.New("is a link to nothing")
	}
	if err != nil {
		return nil, fmt.Errorf("the ignore file %q %w", filepath.Join(dir, name), err)
	}
	return data, nil
}

// inContext returns a folder's path in the local context, if the folder is there with all links followed.
func (s *opener) inContext(dir string) (string, bool) {
	if s.ContextDir == "" {
		return "", false
	}
	resolved := func(dir string) string {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		if found, err := filepath.EvalSymlinks(dir); err == nil {
			return found
		}
		return dir
	}
	rel, err := filepath.Rel(resolved(s.ContextDir), resolved(dir))
	return rel, err == nil && filepath.IsLocal(rel)
}

// contextIgnore reads the context's own ignore file, if a Dockerfile uses it. BuildKit ignores one that it cannot read, so that excluded
// files would be in the image.
func (s *opener) contextIgnore() (err error) {
	used := s.Dockerfile.Shown != "" && s.Dockerfile.ignore == nil
	for _, d := range s.Own {
		used = used || d.ignore == nil
	}
	if !used {
		return nil
	}
	s.ignore, err = ignoreFile(s.ContextDir, ignoreName)
	return err
}

// ignoreFile reads an ignore file of a context; nil if there is none.
func ignoreFile(dir, name string) ([]byte, error) {
	data, err := ReadInContext(dir, name, maxIgnoreFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the ignore file %q %w: the build would send the files that it excludes", filepath.Join(dir, name), err)
	}
	return append([]byte{}, data...), nil
}

// readFile reads a regular file anywhere. The error is as for [ReadInContext].
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := isFile(info); err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	return readAll(f, limit)
}

// readPipe reads something that is not a regular file: a pipe of the shell's, a device.
func readPipe(ctx context.Context, opt Options, name string) ([]byte, error) {
	ctx, heard, end := ctxio.WithIdleTimeout(ctx, cmp.Or(opt.IdleTimeout, silentPipe))
	defer end()
	f, err := ctxio.Open(ctx, name, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	return readAll(ctxio.Reader(ctx, ctxio.OnRead(f, heard)), maxDockerfile)
}
