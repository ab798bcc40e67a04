package solve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/internal/testkit"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// harness has a builder, a registry, and a request that a test changes before it builds.
type harness struct {
	*buildkittest.Builder
	t         *testing.T
	host      string
	faults    *faultregistry.Registry
	req       Request
	env       Env
	progress  *recorder
	preflight func(context.Context) error
	// kernel has the architectures that the node runs besides its own; after has those that it runs once emulators are installed.
	kernel, after map[string]emulation.Mode

	mu        sync.Mutex
	probes    int
	installed []string
}

// foreign has the architectures that the kernel of a new harness emulates.
var foreign = map[string]emulation.Mode{"arm64": emulation.Emulated, "arm": emulation.Emulated, "s390x": emulation.Emulated}

// newHarness returns a harness with a request for three platforms of the Dockerfile, to be pushed as app:v1.
func newHarness(t *testing.T, dockerfile string) *harness {
	t.Helper()
	w := &harness{Builder: buildkittest.New(t), t: t, kernel: foreign, progress: &recorder{}}
	w.host, w.faults = buildkittest.NewRegistry(t)
	w.preflight = func(context.Context) error { return nil }
	dir := t.TempDir()
	write(t, dir, "Dockerfile", dockerfile)
	write(t, dir, "hello", "hello")
	w.source(source.Options{Context: dir})
	w.req.Tags = w.tags("app:v1")
	w.platforms("linux/amd64,linux/arm64,linux/arm/v7")
	w.env = Env{
		Registry: manifest.New(manifest.Options{Settle: time.Millisecond, Retry: manifest.Retry{MaxWait: -1}}),
		Client:   "test", Progress: w.progress,
		Nodes: []Node{{
			Node: plan.Node{Name: "default", Platforms: w.Platforms, CPUs: 2}, Solver: w.Builder, Blobs: w.Builder, Layers: w.Builder, Near: true, Probe: w.probe, Install: w.install,
		}},
	}
	return w
}

func (w *harness) probe(ctx context.Context, _ ...platform.Platform) (emulation.Status, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.probes++
	return status(w.kernel), context.Cause(ctx)
}

func (w *harness) install(_ context.Context, _ *emulation.Status, ps []platform.Platform) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.installed = append(w.installed, formatted(ps)...)
	if w.after == nil {
		return errors.New("the engine is rootless")
	}
	w.kernel = w.after
	return nil
}

func status(modes map[string]emulation.Mode) (s emulation.Status) {
	for arch, mode := range modes {
		s.Archs = append(s.Archs, emulation.Support{Arch: arch, Mode: mode})
	}
	return s
}

func (w *harness) source(opt source.Options) {
	w.t.Helper()
	src, release, err := source.Open(w.t.Context(), opt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(release)
	w.req.Source = src
}

func (w *harness) platforms(list string) {
	w.t.Helper()
	ps, _, err := platform.Parse(list)
	if err != nil {
		w.t.Fatal(err)
	}
	w.req.Platforms = ps
}

func (w *harness) tags(names ...string) (tags []reference.NamedTagged) {
	w.t.Helper()
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(w.host + "/" + name)
		if err != nil {
			w.t.Fatal(err)
		}
		tags = append(tags, reference.TagNameOnly(named).(reference.NamedTagged))
	}
	return tags
}

func (w *harness) run() (Report, error) { return Run(w.t.Context(), w.req, w.env, w.preflight) }

func (w *harness) mustRun() Report {
	w.t.Helper()
	rep, err := w.run()
	if err != nil {
		w.t.Fatal(err)
	}
	return rep
}

// tagged returns the digest that a tag has in the registry; "" if there is no such tag.
func (w *harness) tagged(name string) string {
	desc, err := w.env.Registry.Resolve(context.Background(), w.tags(name)[0])
	if err != nil {
		return ""
	}
	return desc.Digest.String()
}

// ranSteps returns the platforms whose steps ran.
func (w *harness) ranSteps() (ran []string) {
	for _, s := range w.Solves() {
		if len(s.Ran) > 0 {
			ran = append(ran, platform.Format(s.Platform))
		}
	}
	return ran
}

// untouched fails the test if anything was evaluated, sent or pushed.
func (w *harness) untouched() {
	w.t.Helper()
	for _, s := range w.Solves() {
		if len(s.Ran)+len(s.Sources)+s.Context > 0 {
			w.t.Errorf("%s ran %q, fetched %q, and the context was sent %d times", platform.Format(s.Platform), s.Ran, s.Sources, s.Context)
		}
	}
	for _, r := range w.faults.Requests() {
		if r.Method == "PUT" || r.Method == "POST" {
			w.t.Errorf("the registry got %s", r)
		}
	}
}

func formatted(ps []platform.Platform) (names []string) {
	for _, p := range ps {
		names = append(names, platform.Format(p))
	}
	return names
}

var write, contains = testkit.Write, testkit.Contains

// failing returns a hook that fails for some platforms.
func failing(text string, names ...string) buildkittest.Hook {
	return func(_ context.Context, p platform.Platform) error {
		if slices.Contains(names, platform.Format(p)) {
			return errors.New(text)
		}
		return nil
	}
}
