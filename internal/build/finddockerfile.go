package build

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// The name that the Dockerfile frontend asks for the Dockerfile's directory with, and its default file (BuildKit,
// frontend/dockerui/context.go).
const (
	localDockerfile = "dockerfile"
	dockerfileName  = "Dockerfile"
)

// maxDockerfile is more than any Dockerfile has: docker buildx has the same bound for one that it downloads.
const maxDockerfile = 512 << 10

// Dockerfile is where one Dockerfile is.
type Dockerfile struct {
	// Local is the name of the local directory that has it; "" if the remote context has it.
	Local string
	// Name of the file in there; "" for the frontend's default.
	Name string
	// Shown is what the user calls it.
	Shown string

	dir    string // the local directory
	forced bool   // the frontend is to be told that it is not in the context
}

// attrs are the frontend's attributes of the source for one platform. The map is new.
func (s Source) attrs(p platform.Platform) map[string]string {
	attrs := maps.Clone(s.Attrs)
	if attrs == nil {
		attrs = map[string]string{}
	}
	d := s.DockerfileOf(p)
	if d.Name != "" {
		attrs["filename"] = d.Name
	}
	if d.forced {
		attrs["dockerfilekey"] = d.Local
	}
	return attrs
}

// DockerfileOf is the Dockerfile that the platform is built from.
func (s Source) DockerfileOf(p platform.Platform) Dockerfile {
	if own, ok := s.Own[platform.Format(p)]; ok {
		return own
	}
	return s.Dockerfile
}

// dockerfiles finds all of them by the words of the user. Each distinct directory has one name, so that the shared session serves
// it once.
func (s *sourceBuilder) dockerfiles(find func(string) (Dockerfile, error)) (err error) {
	s.read = map[string]Dockerfile{}
	if !s.opt.OwnOnly {
		if s.Dockerfile, err = find(s.opt.Dockerfile); err != nil {
			return err
		}
		s.serve(&s.Dockerfile)
	}
	for _, p := range slices.Sorted(maps.Keys(s.opt.Own)) {
		d, err := find(s.opt.Own[p])
		if err != nil {
			return err
		}
		s.serve(&d)
		s.Own[p] = d
	}
	return nil
}

// serve gives the Dockerfile's directory a name, and the session the directory.
func (s *sourceBuilder) serve(d *Dockerfile) {
	if d.dir == "" {
		return
	}
	// No named context can have such a name: they are those of images.
	for n, local := 2, localDockerfile; ; n, local = n+1, fmt.Sprintf("_%s%d", localDockerfile, n) {
		if have, taken := s.Dirs[local]; !taken || have == d.dir {
			s.Dirs[local], d.Local = d.dir, local
			d.forced = d.forced || local != localDockerfile
			return
		}
	}
}

// inDirectory finds a Dockerfile of a local context, as docker build does: -f is relative to the working directory.
func (s *sourceBuilder) inDirectory(name string) (Dockerfile, error) {
	if name != "" {
		return s.givenDockerfile(name)
	}
	name = filepath.Join(s.ContextDir, dockerfileName)
	if _, err := os.Stat(name); err != nil {
		// The frontend accepts the lower-case name too.
		if _, lower := os.Stat(filepath.Join(s.ContextDir, "dockerfile")); lower == nil {
			name = filepath.Join(s.ContextDir, "dockerfile")
		}
	}
	return dockerfileAt(name)
}

// inRemote: -f is a path inside the context, unless it is absolute, a URL or standard input.
func (s *sourceBuilder) inRemote(name string) (Dockerfile, error) {
	if name == "-" || isHTTP(name) || filepath.IsAbs(name) {
		d, err := s.givenDockerfile(name)
		d.forced = true
		return d, err
	}
	if name == "" {
		return Dockerfile{Shown: filepath.Join(s.opt.Context, dockerfileName)}, nil
	}
	return Dockerfile{Name: name, Shown: name}, nil
}

// givenDockerfile is a Dockerfile that the user names: a file, standard input, or a URL. The last two are read once.
func (s *sourceBuilder) givenDockerfile(name string) (d Dockerfile, err error) {
	if d, ok := s.read[name]; ok {
		return d, nil
	}
	switch {
	case name == "-":
		d, err = s.spooled("stdin", s.opt.Stdin)
	case isHTTP(name):
		d, err = s.download(name)
	default:
		return dockerfileAt(name)
	}
	s.read[name] = d
	return d, err
}

func (s *sourceBuilder) download(url string) (Dockerfile, error) {
	if s.opt.Fetch == nil {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q cannot be downloaded here", url)
	}
	body, err := s.opt.Fetch(url)
	if err != nil {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q cannot be downloaded: %w", url, err)
	}
	defer body.Close()
	d, err := s.spooled(url, io.LimitReader(body, maxDockerfile+1))
	if err != nil {
		return d, err
	}
	if info, err := os.Stat(filepath.Join(d.dir, d.Name)); err == nil && info.Size() > maxDockerfile {
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q is larger than %d KB", url, maxDockerfile>>10)
	}
	return d, nil
}

// spooled is a Dockerfile that is not a file yet.
func (s *sourceBuilder) spooled(shown string, r io.Reader) (Dockerfile, error) {
	file, err := s.spool.file(dockerfileName, r)
	if err != nil {
		from := shown
		if shown == "stdin" {
			from = "on standard input"
		}
		return Dockerfile{}, fmt.Errorf("the Dockerfile %s cannot be spooled: %w", from, err)
	}
	d, err := dockerfileAt(file)
	d.Shown, d.forced = shown, true
	return d, err
}

func dockerfileAt(name string) (Dockerfile, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return Dockerfile{}, fmt.Errorf("there is no Dockerfile at %q: name it with -f, or give another build context", name)
	case err != nil:
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q cannot be read: %w", name, err)
	case info.IsDir():
		return Dockerfile{}, fmt.Errorf("the Dockerfile %q is a directory: -f names a file", name)
	}
	return Dockerfile{Name: filepath.Base(name), Shown: name, dir: filepath.Dir(name)}, nil
}

// readsStdin tells whether a Dockerfile is to come from standard input.
func (s *sourceBuilder) readsStdin() bool {
	return s.opt.Dockerfile == "-" || slices.Contains(slices.Collect(maps.Values(s.opt.Own)), "-")
}

func isHTTP(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://")
}
