// Package clitest runs commands in tests, without an engine, with a builder and a registry for tests. It also calls the commands'
// printers with hostile text.
package clitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/cli/cli/config/configfile"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Harness is an environment without an engine: a builder and a registry for tests, and a project in the working directory.
type Harness struct {
	*buildkittest.Builder
	T   *testing.T
	Env *cli.Env
	// execute runs the program with arguments, and returns its exit status.
	execute  func(ctx context.Context, w *cli.Env, args []string) int
	Host     string
	Faults   *faultregistry.Registry
	Vars     map[string]string
	Out, Err Buffer
	// Connecting is called when a command asks for the builder.
	Connecting func(context.Context, cli.ConnectOptions) error
	Connects   int
	// Program returns the content of "/file" in archived images; nil is a text of the architecture's name.
	Program func(arch string) string
}

// Buffer is a stream that several goroutines write to.
type Buffer struct {
	mu  sync.Mutex
	Buf bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buf.Write(p)
}

// String returns what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buf.String()
}

// New returns a harness for a program. execute runs it with arguments, and returns its exit status.
func New(t *testing.T, execute func(ctx context.Context, w *cli.Env, args []string) int) *Harness {
	t.Helper()
	s := &Harness{Builder: buildkittest.New(t), T: t, execute: execute, Vars: map[string]string{}}
	s.Host, s.Faults = buildkittest.NewRegistry(t)
	s.Connecting = func(context.Context, cli.ConnectOptions) error { return nil }
	s.Env = &cli.Env{
		Streams:   cli.Streams{In: strings.NewReader(""), Out: &s.Out, Err: &s.Err},
		LookupEnv: func(name string) (string, bool) { v, ok := s.Vars[name]; return v, ok },
		Docker: cli.Docker{
			Endpoint: func() (string, string) { return "default", "unix:///engine.sock" },
			Config:   func() *configfile.ConfigFile { return configfile.New("") },
			Proxies:  func() map[string]string { return nil },
			Connect:  s.connect,
			Registry: func(context.Context, func(string), ...string) *manifest.Client {
				return manifest.New(manifest.Options{Settle: time.Millisecond, Retry: manifest.Retry{MaxWait: -1}})
			},
		},
		Folders: cli.Folders{StateDir: sync.OnceValue(t.TempDir), CacheDir: sync.OnceValue(t.TempDir)},
	}
	t.Chdir(t.TempDir())
	s.Write("Dockerfile", "FROM alpine\nRUN echo hello\n")
	return s
}

func (s *Harness) connect(ctx context.Context, opt cli.ConnectOptions) (*cli.Connection, error) {
	s.Connects++
	if err := s.Connecting(ctx, opt); err != nil {
		return nil, err
	}
	emulated := emulation.Status{Archs: []emulation.Support{{Arch: "arm64", Mode: emulation.Emulated}, {Arch: "arm", Mode: emulation.Builder}}}
	gateway := func(context.Context) (string, error) { return "192.0.2.1", nil }
	node := solve.Node{
		Node: plan.Node{Name: "default", Platforms: s.Platforms, CPUs: 2}, Solver: s.Builder, Blobs: s.Builder, Layers: s.Builder, Near: true,
		Probe: func(context.Context, ...platform.Platform) (emulation.Status, error) { return emulated, nil },
		Install: func(context.Context, *emulation.Status, []platform.Platform) error {
			return errors.New("the engine is rootless")
		},
	}
	return &cli.Connection{
		Close: func() {}, Nodes: []*builder.Node{{Abilities: builder.Abilities{Gateway: gateway}}}, Env: solve.Env{Client: "test", Nodes: []solve.Node{node}},
	}, nil
}

// Command runs the program with the arguments, and returns its exit status. HOST in them stands for the registry.
func (s *Harness) Command(args ...string) int { return s.CommandIn(s.T.Context(), args...) }

// CommandIn is Command with a context.
func (s *Harness) CommandIn(ctx context.Context, args ...string) int {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "HOST", s.Host)
	}
	return s.execute(ctx, s.Env, args)
}

// Write writes a file. HOST in it stands for the registry.
func (s *Harness) Write(name, content string) {
	s.T.Helper()
	content = strings.ReplaceAll(content, "HOST", s.Host)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o750), os.WriteFile(name, []byte(content), 0o600)); err != nil {
		s.T.Fatal(err)
	}
}

// Tagged returns the digest of a tag; "" if there is no such tag.
func (s *Harness) Tagged(name string) string {
	s.T.Helper()
	client := s.Env.Registry(s.T.Context(), nil)
	tags, err := cli.ParseTags([]string{s.Host + "/" + name}, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	desc, _ := client.Resolve(s.T.Context(), tags[0])
	return desc.Digest.String()
}

// Normal replaces the parts of a text that differ from run to run: digests by their order of appearance, the registry, times, widths
// of columns.
func (s *Harness) Normal(text string) string {
	seen := map[string]string{}
	text = regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllStringFunc(text, func(d string) string {
		if seen[d] == "" {
			seen[d] = fmt.Sprintf("sha256:%d", len(seen)+1)
		}
		return seen[d]
	})
	text = strings.ReplaceAll(text, s.Host, "HOST")
	text = regexp.MustCompile(`"seconds": [0-9.]+`).ReplaceAllString(text, `"seconds": 0`)
	text = regexp.MustCompile(`\d+\.\d+s(  +|$)`).ReplaceAllString(text, "TIME$1")
	return regexp.MustCompile(`(\S) {2,}`).ReplaceAllString(text, "$1  ")
}

// Contains fails the test if text lacks one of the parts.
func Contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("this lacks %q:\n%s", part, text)
		}
	}
}

// Reset empties the buffer.
func (b *Buffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Buf.Reset()
}
