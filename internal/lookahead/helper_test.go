package lookahead

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var amd64Only = platform.Platform{OS: "linux", Architecture: "amd64"}

// foreign has the architectures that the kernel of a new harness emulates.
var foreign = map[string]emulation.Mode{"arm64": emulation.Emulated, "arm": emulation.Emulated, "s390x": emulation.Emulated}

const compiling = "FROM golang AS build\nWORKDIR /src\nCOPY hello .\nRUN go mod download\nRUN CGO_ENABLED=0 go build -o /out/app .\n" +
	"\nFROM alpine\nCOPY --from=build /out/app /app\n"

// harness has a builder, a registry, and a request that a test changes before it plans the build.
type harness struct {
	*buildkittest.Builder
	t         *testing.T
	host      string
	faults    *faultregistry.Registry
	req       solve.Request
	env       solve.Env
	progress  *messages
	preflight func(context.Context) error
	kernel    map[string]emulation.Mode // the architectures that the node runs besides its own
	installed int
}

// newHarness returns a harness with a request for three platforms of the Dockerfile, to be pushed as app:v1.
func newHarness(t *testing.T, dockerfile string) *harness {
	t.Helper()
	w := &harness{Builder: buildkittest.New(t), t: t, kernel: foreign, progress: &messages{}}
	w.host, w.faults = buildkittest.NewRegistry(t)
	w.preflight = func(context.Context) error { return nil }
	dir := t.TempDir()
	testkit.Write(t, dir, "Dockerfile", dockerfile)
	testkit.Write(t, dir, "hello", "hello")
	src, release, err := source.Open(t.Context(), source.Options{Context: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	named, err := reference.ParseNormalizedNamed(w.host + "/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	w.req = solve.Request{Source: src, Delivery: sink.Delivery{Tags: []reference.NamedTagged{named.(reference.NamedTagged)}}}
	w.platforms("linux/amd64,linux/arm64,linux/arm/v7")
	w.env = solve.Env{
		Registry: manifest.New(manifest.Options{Settle: time.Millisecond, Retry: manifest.Retry{MaxWait: -1}}),
		Client:   "test", Progress: w.progress,
		Nodes: []solve.Node{{
			Node: plan.Node{Name: "default", Platforms: w.Platforms, CPUs: 2}, Solver: w.Builder, Blobs: w.Builder, Probe: w.probe, Install: w.install,
		}},
	}
	return w
}

// newGoHarness returns a harness whose golang image has a Go toolchain.
func newGoHarness(t *testing.T, dockerfile string) *harness {
	w := newHarness(t, dockerfile)
	w.req.Cross = cross.Choice{Auto: true}
	files := fstest.MapFS{
		"usr/local/go/VERSION": {Data: []byte("go1.26.8\n")},
		"usr/local/go/bin/go":  {Data: []byte("go"), Mode: 0o755},
		"usr/local/go/go.env":  {Data: []byte("GOTOOLCHAIN=local\n")},
		"usr/local/go/src/internal/buildcfg/zbootstrap.go": {Data: []byte("package buildcfg\n\nconst DefaultGO386 = `sse2`\nconst DefaultGOAMD64 = `v1`\n" +
			"const DefaultGOARM = `7`\nconst DefaultGOARM64 = `v8.0`\n")},
	}
	w.Contents = func(name string, _ platform.Platform) (ocispecs.ImageConfig, fs.FS) {
		if !strings.Contains(name, "golang") {
			return ocispecs.ImageConfig{}, fstest.MapFS{}
		}
		return ocispecs.ImageConfig{Env: []string{"PATH=/usr/local/go/bin:/usr/bin:/bin", "GOPATH=/go", "GOTOOLCHAIN=local"}}, files
	}
	return w
}

func (w *harness) probe(ctx context.Context, _ ...platform.Platform) (s emulation.Status, _ error) {
	for arch, mode := range w.kernel {
		s.Archs = append(s.Archs, emulation.Support{Arch: arch, Mode: mode})
	}
	return s, context.Cause(ctx)
}

func (w *harness) install(context.Context, *emulation.Status, []platform.Platform) error {
	w.installed++
	return errors.New("the engine is rootless")
}

func (w *harness) platforms(list string) {
	w.t.Helper()
	ps, _, err := platform.Parse(list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.req.Platforms = ps
}

// basesHave makes every image an index of these platforms, and returns its digest. The frontend fails for a missing platform.
func (w *harness) basesHave(ps ...platform.Platform) digest.Digest {
	index := w.Index(ps...)
	w.Digest = func(string, platform.Platform) digest.Digest { return index }
	w.Image = func(_ string, p platform.Platform) (platform.Platform, error) {
		if !platform.Contains(ps, p) {
			return p, buildkittest.ErrNoMatch
		}
		return p, nil
	}
	return index
}

func (w *harness) texts(found []diag.Diagnostic) (texts []string) {
	for _, f := range found {
		texts = append(texts, strings.ReplaceAll(f.String(), w.host, "HOST"))
	}
	return texts
}

// predicted plans the build, and checks that nothing was done.
func (w *harness) predicted() Outlook {
	w.t.Helper()
	o, err := Look(w.t.Context(), w.req, w.env, w.preflight)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range w.Solves() {
		if len(s.Ran)+len(s.Sources)+s.Context > 0 {
			w.t.Errorf("%s ran %q, fetched %q, and the context was sent %d times", platform.Format(s.Platform), s.Ran, s.Sources, s.Context)
		}
		if len(s.Opt.Exports) > 0 || !s.Opt.Internal {
			w.t.Errorf("%s has %d exports, and is internal: %v", platform.Format(s.Platform), len(s.Opt.Exports), s.Opt.Internal)
		}
	}
	for _, r := range w.faults.Requests() {
		if r.Method == "PUT" || r.Method == "POST" {
			w.t.Errorf("the registry got %s", r)
		}
	}
	if _, err := w.env.Registry.Resolve(context.Background(), w.req.Tags[0]); w.installed > 0 || err == nil {
		w.t.Errorf("installed %d times, tagged: %v", w.installed, err == nil)
	}
	return o
}

// messages is a Progress that records the messages of solves.
type messages struct {
	mu  sync.Mutex
	all []*client.SolveStatus
}

func (m *messages) Status(_ platform.Platform, s *client.SolveStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s != nil {
		m.all = append(m.all, s)
	}
}
func (m *messages) Cleared(plan.Plan)    {}
func (m *messages) Note(diag.Diagnostic) {}
