package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
)

// ContextName is the name by which the Dockerfile frontend requests the context (BuildKit, frontend/dockerui/context.go).
const ContextName = "context"

// Options are the user's arguments for a Source.
type Options struct {
	// Context is a directory, "-" (an archive or a Dockerfile on Stdin), or a git or http(s) URL.
	Context string
	// Dockerfile is a path, an http(s) URL, "-" (Stdin), or "" for the Dockerfile in the context.
	Dockerfile string
	// Own are Dockerfiles of single platforms, by the platform's text (platform.Format). OwnOnly says that every platform has one, so that
	// the common one is not needed.
	Own     map[string]string
	OwnOnly bool
	// Fetch reads a Dockerfile from its URL; nil refuses URLs.
	Fetch func(ctx context.Context, url string) (io.ReadCloser, error)
	// IdleTimeout is the longest pause in data from a URL, or from a pipe that is a Dockerfile; zero means 30 seconds, and 2 minutes.
	IdleTimeout time.Duration
	// Named are the named contexts: a directory, a URL, docker-image://… or target:….
	Named map[string]string
	Stdin io.Reader
}

// Open checks the user's arguments and spools standard input, so that all platforms and retries read the same bytes. Every wait ends with
// ctx. release removes the spooled files; it is never nil. Nothing is sent anywhere.
func Open(ctx context.Context, opt Options) (src Source, release func(), err error) {
	inuse.RemoveTemp()
	var spool spool
	defer func() {
		if err != nil {
			spool.remove()
		}
	}()
	s := &opener{Source: newSource(), opt: opt, spool: &spool}
	if err := s.context(ctx); err != nil {
		return Source{}, func() {}, err
	}
	if err := s.named(); err != nil {
		return Source{}, func() {}, err
	}
	return s.Source, spool.remove, nil
}

type opener struct {
	Source
	opt   Options
	spool *spool
	read  map[string]Dockerfile // read once from standard input or a URL
}

func (s *opener) context(ctx context.Context) error {
	name := s.opt.Context
	if name == "-" {
		return s.stdinContext(ctx)
	}
	if dir, ok := LocalContext(name); ok {
		s.Dirs[ContextName] = dir
		s.ContextDir = dir
		if err := s.dockerfiles(ctx, s.inDirectory); err != nil {
			return err
		}
		return s.contextIgnore()
	}
	_, err := os.Stat(name)
	if err != nil && isURL(name) {
		s.Attrs[ContextName] = name
		return s.dockerfiles(ctx, s.inRemote)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("the build context %q does not exist: give a directory, a git or http URL, or - for standard input", name)
	case err != nil:
		return fmt.Errorf("the build context %q cannot be read: %w", name, err)
	}
	return &ContextError{name}
}

// LocalContext reports whether a build context is a local directory. A name like that of a repository (github.com/me/app) is a directory if
// one exists, as for docker build.
func LocalContext(name string) (dir string, ok bool) {
	info, err := os.Stat(name)
	return name, name != "-" && err == nil && info.IsDir()
}

// stdinContext uses an archive on standard input as the context, and anything else as the Dockerfile of an empty context.
func (s *opener) stdinContext(ctx context.Context) error {
	if s.readsStdin() {
		return errors.New("standard input cannot be both the build context and the Dockerfile: give one of them as a path")
	}
	head, rest, err := peekArchive(ctxio.Reader(ctx, s.opt.Stdin))
	if err != nil {
		return fmt.Errorf("standard input cannot be read: %w", err)
	}
	if len(head) == 0 {
		return errors.New("standard input is empty, and cannot be the build context")
	}
	if !isArchive(head) {
		for _, named := range append(slices.Sorted(maps.Values(s.opt.Own)), s.opt.Dockerfile) {
			if named != "" {
				return fmt.Errorf("standard input is not an archive, so it is the Dockerfile, but another one is named: %q", named)
			}
		}
		empty, err := s.spool.dir()
		if err != nil {
			return err
		}
		s.Dirs[ContextName] = empty
		return s.dockerfiles(ctx, func(context.Context, string) (Dockerfile, error) { return s.spooled("stdin", rest) })
	}
	file, err := s.spool.file("context", rest)
	if err != nil {
		return fmt.Errorf("standard input cannot be saved to a temporary file: %w", err)
	}
	s.Spool = file
	s.Attrs[ContextName] = spoolURL
	return s.dockerfiles(ctx, s.inRemote)
}

func (s *opener) named() error {
	for name, value := range s.opt.Named {
		attr := contextPrefix + name
		if isURL(value) || strings.HasPrefix(value, "docker-image://") || strings.HasPrefix(value, "target:") {
			s.Attrs[attr] = value
			continue
		}
		if strings.HasPrefix(value, layoutPrefix) {
			if err := s.layoutContext(name, value); err != nil {
				return &NamedContextError{name, value, err}
			}
			continue
		}
		if info, err := os.Stat(value); err != nil || !info.IsDir() {
			return &NamedContextError{name, value, fmt.Errorf("%q is not a directory, a URL, docker-image://…, oci-layout://… or target:…", value)}
		}
		if _, err := ignoreFile(value, ignoreName); err != nil {
			return &NamedContextError{name, value, err}
		}
		local := name
		if name == ContextName || name == localDockerfile {
			local = "_" + name // must not replace the build's own directories
		}
		s.Dirs[local] = value
		s.Attrs[attr] = "local:" + local
	}
	return nil
}

func isURL(s string) bool {
	if isHTTP(s) {
		return true
	}
	_, ok, _ := dfgitutil.ParseGitRef(s)
	return ok
}

// The longest pauses in data from a server, and from a program that writes into a pipe, which may compute for a while.
const (
	silentServer = 30 * time.Second
	silentPipe   = 2 * time.Minute
)
