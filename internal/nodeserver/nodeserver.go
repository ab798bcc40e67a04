// Package nodeserver makes an engine fetch images from the BuildKit beside it, so that no layer goes through this machine.
//
// A small program of ours runs in a container on the engine for that time. It serves the blobs of BuildKit's content store as a registry of
// one repository, at a port of the engine's own loopback, which engines take for a registry without TLS
// (https://docs.docker.com/reference/cli/dockerd/#insecure-registries). The repository's name is a secret. The container is made from
// BuildKit's image, which is on the engine and trusted, and has BuildKit's volume to read, the host's network, and no capability. It ends with
// the connection to it.
//
// The programs are made by make.sh and are part of the repository: half a megabyte for each architecture, which is sent with each use.
package nodeserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

//go:generate ./make.sh

//go:embed programs
var programs embed.FS

// program is the path of the program in its archive.
const program = "/docker-multiarch-serve"

// Size is how many bytes are sent for a use, about.
const Size = 600 << 10

// Node is a BuildKit in a container of an engine.
type Node struct {
	Engine *engine.Engine
	// Container is BuildKit's, and Image is one that may run there; Blobs is the folder of BuildKit's blobs in the container.
	Container, Image, Blobs string
	// UserNS is the container's user namespace.
	UserNS string
	// Machine is the platform of the engine's kernel.
	Machine platform.Platform
}

// Document is a blob that BuildKit's store need not have: a manifest or a configuration.
type Document struct {
	MediaType string
	Body      []byte
}

// Content is what an engine may fetch: documents, and layers of the store.
type Content struct {
	Documents []Document
	Layers    []ocispecs.Descriptor
}

// Server is a running program. Its methods may be called one after the other.
type Server struct {
	node  Node
	repo  string // as the engine names it
	stop  func() // ends the program's input
	ended chan struct{}
	err   error // of the program, once it has ended
}

// Start starts the program. The caller calls Close.
func (n Node) Start(ctx context.Context, c Content) (*Server, error) {
	archive, err := programs.ReadFile("programs/" + n.Machine.Architecture + ".tar.gz")
	if err != nil || n.Machine.OS != "linux" {
		return nil, fmt.Errorf("there is no program for %s", platform.Format(n.Machine))
	}
	secret := "x" + strings.ToLower(rand.Text())
	stdin, feed := io.Pipe()
	ports := &firstLine{found: make(chan struct{})}
	ctx, cancel := context.WithCancel(ctx)
	s := &Server{node: n, ended: make(chan struct{}), stop: func() { _ = feed.Close() }}
	go func() {
		defer close(s.ended)
		defer cancel()
		res, err := n.Engine.Run(ctx, engine.RunSpec{
			Image: n.Image, Entrypoint: []string{program}, Cmd: []string{}, Network: "host", UserNS: n.UserNS, VolumesOf: n.Container, Confined: true,
			Pids: maxThreads, Files: archive, Input: stdin, Stdout: ports,
		})
		if err == nil && res.ExitCode != 0 {
			err = fmt.Errorf("it ended with status %d: %s", res.ExitCode, bytes.TrimSpace(res.Stderr))
		}
		s.err = err
	}()
	go func() { _, _ = feed.Write(c.input(secret, n.Blobs)) }() // the program says if it lacks some
	select {
	case <-ports.found:
	case <-s.ended:
	case <-time.After(startTimeout):
	}
	port, err := strconv.Atoi(ports.line())
	if err != nil {
		cancel()
		s.Close()
		return nil, errors.Join(errors.New("the program does not serve"), s.err)
	}
	s.repo = fmt.Sprintf("127.0.0.1:%d/%s", port, secret)
	return s, nil
}

const (
	maxThreads   = 100
	startTimeout = 30 * time.Second
	closeTimeout = 30 * time.Second
)

// input returns what the program reads; see its comment.
func (c Content) input(secret, folder string) []byte {
	var in bytes.Buffer
	fmt.Fprintf(&in, "%s\n%s\n", secret, folder)
	for _, d := range c.Documents {
		fmt.Fprintf(&in, "d %s %d %s\n%s", digest.FromBytes(d.Body).Encoded(), len(d.Body), d.MediaType, d.Body)
	}
	for _, l := range c.Layers {
		if l.Digest.Algorithm() == digest.SHA256 {
			fmt.Fprintf(&in, "b %s %d\n", l.Digest.Encoded(), l.Size)
		}
	}
	in.WriteString(".\n")
	return in.Bytes()
}

// Pull makes the engine fetch an image of one platform. The image has the returned name there from then on. release removes the name, and the
// image if it has no other; if a name cannot be removed now, the next command does it.
func (s *Server) Pull(ctx context.Context, image digest.Digest, p platform.Platform) (release func(context.Context), err error) {
	name := s.repo + "@" + image.String()
	eng := s.node.Engine
	gone := eng.Temporary(ctx, engine.AnImage, name)
	release = func(ctx context.Context) {
		if eng.RemoveImage(ctx, name) == nil {
			gone()
		}
	}
	return release, eng.PullPlatform(ctx, name, p)
}

// Close ends the program, and waits until its container is removed.
func (s *Server) Close() {
	s.stop()
	select {
	case <-s.ended:
	case <-time.After(closeTimeout): // the next command removes it
	}
}

// firstLine keeps the first line that is written to it.
type firstLine struct {
	mu    sync.Mutex
	text  string
	found chan struct{}
}

func (f *firstLine) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.Contains(f.text, "\n") && len(f.text) < 100 {
		if f.text += string(p); strings.Contains(f.text, "\n") {
			close(f.found)
		}
	}
	return len(p), nil
}

func (f *firstLine) line() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	line, _, _ := strings.Cut(f.text, "\n")
	return line
}
