//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/e2e/testenv"
)

// engineKinds are the two ways in which an engine keeps images, and the variables with the address of one of each kind.
var engineKinds = []struct{ name, variable string }{
	{"classic", "MULTIARCH_E2E_CLASSIC"},
	{"containerd", "MULTIARCH_E2E_CONTAINERD"},
}

// trustVariable has the IDs of the builder images that e2e/env has made, which were not pulled.
const trustVariable = "DOCKER_MULTIARCH_TRUST_IMAGE"

// story is one run of a story, on one engine.
type story struct {
	*testing.T
	host      string // of the engine
	registry  string // host:port
	base      string // an image with a shell, for many platforms
	builder   string
	namespace string // of a story on a cluster
	nodes     int    // of the builder, that the story has added
	home      string // clean; the Docker config is in .docker
	dir       string // the working directory, empty at first
	tmp       string // TMPDIR of the commands
	env       []string
}

// onEachEngine runs a story on both engines, beside other stories.
func onEachEngine(t *testing.T, tell func(*story)) {
	t.Helper()
	t.Parallel()
	for _, kind := range engineKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			tell(newStory(t, kind.variable))
		})
	}
}

// onEachEngineAlone runs a story on one engine after the other while no other story runs.
func onEachEngineAlone(t *testing.T, tell func(*story)) {
	t.Helper()
	for _, kind := range engineKinds {
		t.Run(kind.name, func(t *testing.T) { tell(newStory(t, kind.variable)) })
	}
}

func newStory(t *testing.T, engine string) *story {
	t.Helper()
	s := &story{
		T: t, host: need(t, engine), registry: need(t, "MULTIARCH_E2E_REGISTRY"), base: need(t, "MULTIARCH_E2E_BASE"), builder: sharedBuilder,
	}
	s.newHome()
	return s
}

// in is the same story in a part of its test.
func (s *story) in(t *testing.T) *story {
	part := *s
	part.T = t
	return &part
}

// newHome gives the story another clean home.
func (s *story) newHome() {
	s.Helper()
	root := s.TempDir()
	s.home, s.dir, s.tmp = filepath.Join(root, "home"), filepath.Join(root, "work"), filepath.Join(root, "tmp")
	plugins := filepath.Join(s.home, ".docker", "cli-plugins")
	for _, dir := range []string{plugins, s.dir, s.tmp} {
		s.check(os.MkdirAll(dir, 0o755))
	}
	s.check(os.Symlink(pluginFile, filepath.Join(plugins, "docker-multiarch")))
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.home, "DOCKER_CONFIG=" + filepath.Join(s.home, ".docker"), "TMPDIR=" + s.tmp, "DOCKER_HOST=" + s.host,
		trustVariable + "=" + testenv.Setting(trustVariable),
	}
}

// ownBuilder gives the story a builder that does not exist yet, and is removed with the story.
func (s *story) ownBuilder() {
	name := "e2e-" + random()
	s.Cleanup(func() { removeBuilder(s.host, name) })
	s.builder = name
}

// besideUs skips the story unless servers of this process are on the loopback interface of the engine's host.
func (s *story) besideUs() {
	s.Helper()
	if !strings.HasPrefix(s.host, "unix://") {
		s.Skip("the engine at " + s.host + " is on another machine, and cannot reach servers of the test")
	}
}

func (s *story) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// repo returns an unused repository.
func (s *story) repo() string { return s.registry + "/e2e/" + random() }

// files are the contents of a folder by path.
type files map[string]string

// folder makes a folder in the working directory and returns its path.
func (s *story) folder(content files) string {
	s.Helper()
	dir, err := os.MkdirTemp(s.dir, "context-")
	s.check(err)
	for name, text := range content {
		file := filepath.Join(dir, name)
		s.check(os.MkdirAll(filepath.Dir(file), 0o755))
		s.check(os.WriteFile(file, []byte(text), 0o644))
	}
	return dir
}

// dockerfile makes a context that holds a Dockerfile only. $BASE in it is the base image.
func (s *story) dockerfile(lines ...string) string {
	s.Helper()
	return s.folder(files{"Dockerfile": s.onBase(lines...)})
}

// onBase joins lines of a Dockerfile; $BASE in it becomes the base image's name.
func (s *story) onBase(lines ...string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "$BASE", s.base)
}

// read returns the content of a file, by its path from the working directory.
func (s *story) read(name string) string {
	s.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
	}
	data, err := os.ReadFile(name)
	s.check(err)
	return string(data)
}

// eventually polls until a condition is true.
func (s *story) eventually(what string, so func() bool) {
	s.Helper()
	end := time.After(90 * time.Second) // a bound for failures only: a busy machine is slow
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-end:
			s.Fatalf("not within 90 s: %s", what)
		}
	}
}

func (s *story) equal(what string, got, want any) {
	s.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("%s is %v, not %v", what, got, want)
	}
}

func (s *story) contains(what, text string, parts ...string) {
	s.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.Errorf("%s does not say %q:\n%s", what, part, text)
		}
	}
}

func (s *story) lacks(what, text string, parts ...string) {
	s.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			s.Errorf("%s says %q:\n%s", what, part, text)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// write writes a file.
func (s *story) write(name, text string) {
	s.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
	}
	s.check(os.WriteFile(name, []byte(text), 0o644))
}
