package main

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
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// testStage is a world without an engine: a builder and a registry for tests, and a project in the working directory.
type testStage struct {
	*buildkittest.Builder
	t *testing.T
	w *world
	// execute runs the program with arguments, and gives its exit status.
	execute  func(ctx context.Context, w *world, args []string) int
	host     string
	faults   *faultregistry.Registry
	env      map[string]string
	out, err buffer
	// connecting is called when a command asks for the builder.
	connecting func(context.Context, connectOptions) error
	connects   int
	// program is what "/file" of archived images is; nil makes it a text of the architecture's name.
	program func(arch string) string
}

// buffer is a stream that several goroutines write to.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what was written.
func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newTestStage makes one for a program: execute runs it with arguments, and gives its exit status.
func newTestStage(t *testing.T, execute func(ctx context.Context, w *world, args []string) int) *testStage {
	t.Helper()
	s := &testStage{Builder: buildkittest.New(t), t: t, execute: execute, env: map[string]string{}}
	s.host, s.faults = buildkittest.NewRegistry(t)
	s.connecting = func(context.Context, connectOptions) error { return nil }
	s.w = &world{
		streams:   streams{in: strings.NewReader(""), out: &s.out, err: &s.err},
		lookupEnv: func(name string) (string, bool) { v, ok := s.env[name]; return v, ok },
		docker: docker{
			endpoint: func() (string, string) { return "default", "unix:///engine.sock" },
			config:   func() *configfile.ConfigFile { return configfile.New("") },
			proxies:  func() map[string]string { return nil },
			connect:  s.connect,
			registry: func(context.Context, func(string), ...string) (*manifest.Client, error) {
				return manifest.New(manifest.Options{Settle: time.Millisecond, Retry: manifest.Retry{MaxWait: -1}}), nil
			},
		},
		folders: folders{stateDir: sync.OnceValue(t.TempDir), cacheDir: sync.OnceValue(t.TempDir)},
	}
	s.w.anyRegistry = s.w.registry
	t.Chdir(t.TempDir())
	s.write("Dockerfile", "FROM alpine\nRUN echo hello\n")
	return s
}

func (s *testStage) connect(ctx context.Context, opt connectOptions) (*connection, error) {
	s.connects++
	if err := s.connecting(ctx, opt); err != nil {
		return nil, err
	}
	emulated := emulation.Status{Archs: []emulation.Support{{Arch: "arm64", Mode: emulation.Emulated}, {Arch: "arm", Mode: emulation.Builder}}}
	gateway := func(context.Context) (string, error) { return "192.0.2.1", nil }
	return &connection{close: func() {}, node: &builder.Node{Abilities: builder.Abilities{Gateway: gateway}}, env: solve.Env{Client: "test", Node: solve.Node{
		Node: plan.Node{Name: "default", Platforms: s.Platforms, CPUs: 2}, Solver: s.Builder, Blobs: s.Builder,
		Probe: func(context.Context, ...platform.Platform) (emulation.Status, error) { return emulated, nil },
		Install: func(context.Context, []platform.Platform) error {
			return errors.New("the engine is rootless")
		},
	}}}, nil
}

// run runs the program with the arguments, and gives its exit status. HOST in them stands for the registry.
func (s *testStage) run(args ...string) int { return s.runIn(s.t.Context(), args...) }

// runIn is run under a context.
func (s *testStage) runIn(ctx context.Context, args ...string) int {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "HOST", s.host)
	}
	return s.execute(ctx, s.w, args)
}

// write writes a file. HOST in it stands for the registry.
func (s *testStage) write(name, content string) {
	s.t.Helper()
	content = strings.ReplaceAll(content, "HOST", s.host)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// tagged is the digest that a tag names; "" if there is none.
func (s *testStage) tagged(name string) string {
	s.t.Helper()
	client, _ := s.w.registry(s.t.Context(), nil)
	tags, err := parseTags([]string{s.host + "/" + name}, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	desc, _ := client.Resolve(s.t.Context(), tags[0])
	return desc.Digest.String()
}

// normal replaces what differs from run to run: digests by their order of appearance, the registry, times, widths of columns.
func (s *testStage) normal(text string) string {
	seen := map[string]string{}
	text = regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllStringFunc(text, func(d string) string {
		if seen[d] == "" {
			seen[d] = fmt.Sprintf("sha256:%d", len(seen)+1)
		}
		return seen[d]
	})
	text = strings.ReplaceAll(text, s.host, "HOST")
	text = regexp.MustCompile(`"seconds": [0-9.]+`).ReplaceAllString(text, `"seconds": 0`)
	text = regexp.MustCompile(`\d+\.\d+s(  +|$)`).ReplaceAllString(text, "TIME$1")
	return regexp.MustCompile(`(\S) {2,}`).ReplaceAllString(text, "$1  ")
}

// contains looks for parts of a text.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("this lacks %q:\n%s", part, text)
		}
	}
}

// reset forgets what was written.
func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}
