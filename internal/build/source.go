package build

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"
)

// The names that the Dockerfile frontend asks for local directories with, and its default file (BuildKit, frontend/dockerui/context.go).
const (
	localContext    = "context"
	localDockerfile = "dockerfile"
	dockerfileName  = "Dockerfile"
)

// Source is where the build context, the Dockerfile and the named contexts come from.
type Source struct {
	// Dirs are the local directories that the builder may ask for, by the name it asks with ("context", "dockerfile", or a
	// named context's).
	Dirs map[string]string
	// Attrs are the frontend attributes that name the rest: a context's URL, the Dockerfile's name, the named contexts.
	Attrs map[string]string
	// Spool is a file with the context that came on standard input as an archive, or "". Every solve may read it.
	Spool string
	// Stores are the OCI layouts of named contexts, by the name that Attrs give them.
	Stores map[string]content.Store
	// ContextDir is the local directory of the context, or "" for a git, http or standard input context.
	ContextDir string
}

// SourceOptions are the user's words for a Source.
type SourceOptions struct {
	// Context is a directory, "-" (an archive or a Dockerfile on Stdin), or a git or http(s) URL.
	Context string
	// Dockerfile is a path, "-" (Stdin), or "" for the Dockerfile in the context.
	Dockerfile string
	// Named are the named contexts: a directory, a URL, docker-image://… or target:….
	Named map[string]string
	Stdin io.Reader
}

// OpenSource checks the user's words and spools standard input, so that all platforms and retries read the same bytes. release
// removes what was spooled; it is never nil. Nothing is sent anywhere.
func OpenSource(opt SourceOptions) (src Source, release func(), err error) {
	var spool spool
	defer func() {
		if err != nil {
			spool.remove()
		}
	}()
	s := &sourceBuilder{Source: newSource(), opt: opt, spool: &spool}
	if err := s.context(); err != nil {
		return Source{}, func() {}, err
	}
	if err := s.named(); err != nil {
		return Source{}, func() {}, err
	}
	return s.Source, spool.remove, nil
}

func newSource() Source {
	return Source{Dirs: map[string]string{}, Attrs: map[string]string{}, Stores: map[string]content.Store{}}
}

type sourceBuilder struct {
	Source
	opt   SourceOptions
	spool *spool
}

func (s *sourceBuilder) context() error {
	name := s.opt.Context
	if name == "-" {
		return s.stdinContext()
	}
	if dir, ok := LocalContext(name); ok {
		s.Dirs[localContext] = dir
		s.ContextDir = dir
		return s.findDockerfile()
	}
	_, err := os.Stat(name)
	if err != nil && isURL(name) {
		s.Attrs["context"] = name
		return s.remoteDockerfile()
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the build context %q does not exist: give a directory, a git or http URL, or - for standard input", name)
	case err != nil:
		return fmt.Errorf("the build context %q cannot be read: %w", name, err)
	}
	return fmt.Errorf("the build context %q is not a directory; to build from an archive: docker multiarch build - < %s", name, name)
}

// LocalContext tells whether a build context is a local directory. One that is named like a repository (github.com/me/app) is a
// directory if it exists, as for docker build.
func LocalContext(name string) (dir string, ok bool) {
	info, err := os.Stat(name)
	return name, name != "-" && err == nil && info.IsDir()
}

// stdinContext takes an archive as the context, anything else as the Dockerfile of an empty one.
func (s *sourceBuilder) stdinContext() error {
	if s.opt.Dockerfile == "-" {
		return errors.New("standard input cannot be both the build context and the Dockerfile: give one of them as a path")
	}
	head, rest, err := peekArchive(s.opt.Stdin)
	if err != nil {
		return fmt.Errorf("standard input cannot be read: %w", err)
	}
	if len(head) == 0 {
		return errors.New("nothing came on standard input, which was to be the build context")
	}
	if !isArchive(head) {
		if s.opt.Dockerfile != "" {
			return fmt.Errorf("standard input is not an archive, so it would be the Dockerfile, but -f %s names one too", s.opt.Dockerfile)
		}
		empty, err := s.spool.dir()
		if err != nil {
			return err
		}
		s.Dirs[localContext] = empty
		return s.spooledDockerfile(rest)
	}
	file, err := s.spool.file("context", rest)
	if err != nil {
		return fmt.Errorf("standard input cannot be spooled: %w", err)
	}
	s.Spool = file
	s.Attrs["context"] = spoolURL
	return s.remoteDockerfile()
}

// findDockerfile finds the Dockerfile of a local context, as docker build does: -f is relative to the working directory.
func (s *sourceBuilder) findDockerfile() error {
	name := s.opt.Dockerfile
	switch name {
	case "-":
		return s.spooledDockerfile(s.opt.Stdin)
	case "":
		name = filepath.Join(s.ContextDir, dockerfileName)
		if _, err := os.Stat(name); err != nil {
			// The frontend accepts the lower-case name too.
			if _, lower := os.Stat(filepath.Join(s.ContextDir, "dockerfile")); lower == nil {
				name = filepath.Join(s.ContextDir, "dockerfile")
			}
		}
	}
	return s.dockerfileAt(name)
}

// remoteDockerfile: -f is a path inside the context, unless it is absolute or standard input.
func (s *sourceBuilder) remoteDockerfile() error {
	name := s.opt.Dockerfile
	switch {
	case name == "-":
		return s.spooledDockerfile(s.opt.Stdin)
	case filepath.IsAbs(name):
		s.Attrs["dockerfilekey"] = localDockerfile
		return s.dockerfileAt(name)
	case name != "":
		s.Attrs["filename"] = name
	}
	return nil
}

func (s *sourceBuilder) dockerfileAt(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no Dockerfile at %q: name it with -f, or give another build context", name)
	case err != nil:
		return fmt.Errorf("the Dockerfile %q cannot be read: %w", name, err)
	case info.IsDir():
		return fmt.Errorf("the Dockerfile %q is a directory: -f names a file", name)
	}
	s.Dirs[localDockerfile] = filepath.Dir(name)
	s.Attrs["filename"] = filepath.Base(name)
	return nil
}

func (s *sourceBuilder) spooledDockerfile(r io.Reader) error {
	file, err := s.spool.file(dockerfileName, r)
	if err != nil {
		return fmt.Errorf("the Dockerfile on standard input cannot be spooled: %w", err)
	}
	s.Attrs["dockerfilekey"] = localDockerfile
	return s.dockerfileAt(file)
}

func (s *sourceBuilder) named() error {
	for name, value := range s.opt.Named {
		attr := "context:" + name
		if isURL(value) || strings.HasPrefix(value, "docker-image://") || strings.HasPrefix(value, "target:") {
			s.Attrs[attr] = value
			continue
		}
		if strings.HasPrefix(value, layoutPrefix) {
			if err := s.layoutContext(name, value); err != nil {
				return err
			}
			continue
		}
		if info, err := os.Stat(value); err != nil || !info.IsDir() {
			return fmt.Errorf("--build-context %s=%s: %q is not a directory, a URL, docker-image://…, oci-layout://… or target:…", name, value, value)
		}
		local := name
		if name == localContext || name == localDockerfile {
			local = "_" + name // must not take the place of the build's own
		}
		s.Dirs[local] = value
		s.Attrs[attr] = "local:" + local
	}
	return nil
}

func isURL(s string) bool {
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		return true
	}
	_, ok, _ := dfgitutil.ParseGitRef(s)
	return ok
}
