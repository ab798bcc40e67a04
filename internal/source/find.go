package source

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
)

// The name by which the Dockerfile frontend requests the Dockerfile's directory, and its default file (BuildKit,
// frontend/dockerui/context.go).
const (
	localDockerfile = "dockerfile"
	dockerfileName  = "Dockerfile"
)

// dockerfiles finds all Dockerfiles from the user's arguments. Each distinct directory has one name, so that the shared session serves it
// once.
func (s *opener) dockerfiles(ctx context.Context, find func(context.Context, string) (Dockerfile, error)) (err error) {
	s.read = map[string]Dockerfile{}
	if !s.opt.OwnOnly {
		if s.Dockerfile, err = find(ctx, s.opt.Dockerfile); err != nil {
			return err
		}
		s.serve(&s.Dockerfile)
	}
	for _, p := range slices.Sorted(maps.Keys(s.opt.Own)) {
		d, err := find(ctx, s.opt.Own[p])
		if err != nil {
			return err
		}
		s.serve(&d)
		s.Own[p] = d
	}
	return nil
}

// serve gives the Dockerfile's directory a name, and adds it to the session.
func (s *opener) serve(d *Dockerfile) {
	if d.dir == "" {
		return
	}
	// No named context can have such a name: their names are those of images.
	for n, local := 2, localDockerfile; ; n, local = n+1, fmt.Sprintf("_%s%d", localDockerfile, n) {
		if have, taken := s.Dirs[local]; !taken || have == d.dir {
			s.Dirs[local], d.Local = d.dir, local
			d.forced = d.forced || local != localDockerfile
			return
		}
	}
}

// inDirectory finds a Dockerfile of a local context, as docker build does: -f is relative to the working directory.
func (s *opener) inDirectory(ctx context.Context, name string) (Dockerfile, error) {
	if name != "" {
		return s.givenDockerfile(ctx, name)
	}
	name = dockerfileName
	if _, err := os.Lstat(filepath.Join(s.ContextDir, name)); err != nil {
		// The frontend accepts the lower-case name too.
		if _, lower := os.Lstat(filepath.Join(s.ContextDir, "dockerfile")); lower == nil {
			name = "dockerfile"
		}
	}
	return s.chosenDockerfile(name)
}

// inRemote finds a Dockerfile of a remote context. -f is a path inside the context, unless it is absolute, a URL or standard input.
func (s *opener) inRemote(ctx context.Context, name string) (Dockerfile, error) {
	if isStdin(name) || isHTTP(name) || filepath.IsAbs(name) {
		d, err := s.givenDockerfile(ctx, name)
		d.forced = true
		return d, err
	}
	if name == "" {
		return Dockerfile{Shown: filepath.Join(s.opt.Context, dockerfileName)}, nil
	}
	return Dockerfile{Name: name, Shown: name}, nil
}

// givenDockerfile returns a Dockerfile that the user names: a file, standard input, or a URL. One that is not a file in a folder is read
// once.
func (s *opener) givenDockerfile(ctx context.Context, name string) (d Dockerfile, err error) {
	if d, ok := s.read[name]; ok {
		return d, nil
	}
	switch {
	case isStdin(name):
		d, err = s.spooled("stdin", ctxio.Reader(ctx, s.opt.Stdin))
	case isHTTP(name):
		d, err = s.download(ctx, name)
	default:
		d, err = s.namedDockerfile(ctx, name)
	}
	s.read[name] = d
	return d, err
}

func (s *opener) download(ctx context.Context, url string) (Dockerfile, error) {
	if s.opt.Fetch == nil {
		return Dockerfile{}, fmt.Errorf("this command does not download a Dockerfile: %q", url)
	}
	ctx, heard, end := ctxio.WithIdleTimeout(ctx, cmp.Or(s.opt.IdleTimeout, silentServer))
	defer end()
	body, err := s.opt.Fetch(ctx, url)
	if silent := context.Cause(ctx); silent != nil {
		err = silent // the HTTP client's own error only says that the request was cancelled
	}
	if err != nil {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q cannot be downloaded: %w", url, err)
	}
	defer body.Close()
	return s.spooled(url, ctxio.Reader(ctx, ctxio.OnRead(body, heard)))
}

// spooled returns a Dockerfile that is not a file yet.
func (s *opener) spooled(shown string, r io.Reader) (Dockerfile, error) {
	from := fmt.Sprintf("%q", shown)
	if shown == "stdin" {
		from = "on standard input"
	}
	text, err := readAll(r, maxDockerfile)
	if err != nil {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %s %w", from, err)
	}
	return s.copied(shown, dockerfileName, text, nil)
}

// copied returns a copy of a Dockerfile for the builder, with the ignore file that belongs to it; nil if there is none.
func (s *opener) copied(shown, name string, text, ignore []byte) (Dockerfile, error) {
	file, err := s.spool.file(name, bytes.NewReader(text))
	if err == nil && ignore != nil {
		err = os.WriteFile(file+ignoreSuffix, ignore, 0o600)
	}
	if err != nil {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q cannot be saved to a temporary file: %w", shown, err)
	}
	return Dockerfile{Name: name, Shown: shown, dir: filepath.Dir(file), Text: string(text), ignore: ignore, forced: true}, nil
}

// readsStdin reports whether a Dockerfile is read from standard input.
func (s *opener) readsStdin() bool {
	return isStdin(s.opt.Dockerfile) || slices.ContainsFunc(slices.Collect(maps.Values(s.opt.Own)), isStdin)
}

// isStdin reports whether a file's name is one of the names of standard input.
func isStdin(name string) bool {
	return slices.Contains([]string{"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}, name)
}

func isHTTP(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}
