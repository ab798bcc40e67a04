package faultkit

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"
	"github.com/moby/moby/api/types/system"
	docker "github.com/moby/moby/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// host is the registry. Clients reach it by HTTPS, and the builder by HTTP, which makes no difference here.
const host = "registry.test"

// patience is how long a run may take before the user gives up.
const patience = 10 * time.Minute

// world is a registry with a login and a builder, which outlive a run, and one run's fault.
type world struct {
	testing.TB
	dir     string
	cleanup []func()
	memory  *faultregistry.Memory
	tokens  *faultregistry.Tokens
	revoked atomic.Bool // the login is no longer accepted
	builder *buildkittest.Builder
	engine  *enginetest.Engine // nil: none
	api     *docker.Client
	quiet   bool

	mu       sync.Mutex
	run      *run
	requests []request
}

// run is one run of a scenario with its fault.
type run struct {
	fault  fault
	extent extent
	phase  phase

	cancel      context.CancelCauseFunc
	jump        time.Duration  // of the client's clock
	reached     map[phase]bool // the phases so far
	passed      bool           // the barrier was passed
	unplanned   bool           // there is no barrier; the end of a question counts as it
	tags        int            // tags that were written
	began       time.Time      // when the fault began
	hits        int
	interrupted bool
	late        []string // tags that were written after that
}

// request is a request that reached the registry.
type request struct {
	at     time.Time
	from   actor
	method string
	path   string
	digest string // of a finished upload
	status int    // 0: no answer
}

// actor is a sender of requests.
type actor string

const (
	byClient  actor = "client"
	byBuilder actor = "builder"
	byWriter  actor = "writer" // of files of the client
	byEngine  actor = "engine" // what it is asked for
)

// wire carries an actor's requests to the registry, through the fault.
type wire struct {
	*world
	from actor
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir, err := os.MkdirTemp(inMemory(), "") //nolint:usetesting // thousands of worlds are not to stay until the test ends
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, dir: dir, memory: &faultregistry.Memory{}, run: &run{}}
	w.builder = buildkittest.New(w)
	w.tokens = &faultregistry.Tokens{Next: w.memory, Realm: "https://" + host + "/token", Login: func(string, string) bool { return !w.revoked.Load() }}
	b := w.builder
	b.Transport = &builderLogin{wire: wire{w, byBuilder}, tokens: map[string]string{}}
	b.Layer = func(p platform.Platform) []byte { return programs[p.Architecture] }
	b.Read, b.Run, b.Push = w.hook(reading), w.hook(steps), w.hook(export)
	return w
}

// inMemory returns a folder whose files are in memory, "" if the system has none. A disk would take half of the time.
func inMemory() string {
	const dir = "/dev/shm"
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// TempDir implements testing.TB, with a folder that close removes.
func (w *world) TempDir() string { return w.dir }

// Cleanup implements testing.TB, for close.
func (w *world) Cleanup(do func()) { w.cleanup = append(w.cleanup, do) }

func (w *world) close() {
	for _, do := range w.cleanup {
		do()
	}
	if err := os.RemoveAll(w.dir); err != nil {
		w.Error(err)
	}
}

// hook lets the fault act on the builder at a phase.
func (w *world) hook(p phase) buildkittest.Hook {
	return func(ctx context.Context, _ platform.Platform) error {
		active := w.reach(p, request{from: byBuilder})
		if active == nil || active.build == nil {
			return context.Cause(ctx)
		}
		return active.build()
	}
}

// RoundTrip implements http.RoundTripper.
func (a wire) RoundTrip(req *http.Request) (*http.Response, error) {
	one := request{at: time.Now(), from: a.from, method: req.Method, path: req.URL.Path, digest: req.URL.Query().Get("digest")}
	if err := context.Cause(req.Context()); err != nil {
		return nil, err
	}
	active := a.reach(a.phaseOf(one), one)
	handler := http.Handler(a.tokens)
	if active != nil && active.wire != nil {
		return nil, active.wire(req)
	}
	if active != nil && active.answer != nil {
		handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { active.answer(w, req, a.tokens) })
	}
	resp, err := faultregistry.Network{host: handler}.RoundTrip(req)
	if err == nil {
		one.status = resp.StatusCode
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, one)
	if faultregistry.TagPut(one.method, one.path) {
		a.run.tags++
		if a.run.interrupted {
			a.run.late = append(a.run.late, one.path)
		}
	}
	return resp, err
}

// reach tells the fault that a run has reached a phase by a request, or by an event without one. It returns the fault if it acts on that.
func (w *world) reach(p phase, one request) *fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.run
	if r.reached == nil {
		r.reached = map[phase]bool{}
	}
	r.reached[p] = true
	if r.began.IsZero() && p == r.phase && r.fault.name != "" {
		r.began = time.Now()
		if r.fault.once != nil {
			r.fault.once(w)
		}
	}
	if r.began.IsZero() || r.extent.over(r) || !r.fault.meets(one) {
		return nil
	}
	r.hits++
	return &r.fault
}

// pass notes that the barrier was passed: what follows writes the result.
func (w *world) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run.passed = true
}

// Fetch implements content.Fetcher: the client reads layers from the builder.
func (w *world) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	w.mu.Lock()
	at := map[bool]phase{false: barrier, true: gating}[w.run.passed]
	w.mu.Unlock()
	if err := w.hook(at)(ctx, platform.Platform{}); err != nil {
		return nil, err
	}
	return w.builder.Fetch(ctx, desc)
}

// builderLogin gets the builder's tokens. As containerd, it asks for a new one when a token is not accepted.
type builderLogin struct {
	wire
	mu     sync.Mutex
	tokens map[string]string // by repository
}

// RoundTrip implements http.RoundTripper.
func (l *builderLogin) RoundTrip(req *http.Request) (*http.Response, error) {
	repo, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/")
	repo, _, _ = strings.Cut(repo, "/manifests/")
	l.mu.Lock()
	token := l.tokens[repo]
	l.mu.Unlock()
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := l.wire.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if token, err = l.ask(req.Context(), repo); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.tokens[repo] = token
	l.mu.Unlock()
	again := req.Clone(req.Context())
	if req.GetBody != nil {
		if again.Body, err = req.GetBody(); err != nil {
			return nil, err
		}
	}
	again.Header.Set("Authorization", "Bearer "+token)
	return l.wire.RoundTrip(again)
}

func (l *builderLogin) ask(ctx context.Context, repo string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/token?scope=repository:"+repo+":pull,push", nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth("ann", "secret")
	resp, err := l.wire.RoundTrip(req)
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return "", err
	}
	parts := strings.Split(body.String(), `"`)
	if resp.StatusCode != http.StatusOK || len(parts) < 4 {
		return "", errors.New("failed to authorize: failed to fetch oauth token: unexpected status from GET request to http://" + host + "/token: " + resp.Status)
	}
	return parts[3], nil
}

// env returns the services of a run, with a client that has no memory of earlier runs.
func (w *world) env() solve.Env {
	env := solve.Env{
		Registry: w.client(), Client: "test", Progress: events{w},
		Nodes: []solve.Node{{
			Node: plan.Node{Name: "default", Platforms: w.builder.Platforms, CPUs: 2}, Solver: w.builder, Blobs: w, Layers: w, Near: true,
			Probe: func(ctx context.Context, _ ...platform.Platform) (emulation.Status, error) {
				return emulation.Status{Archs: []emulation.Support{{Arch: "arm64", Mode: emulation.Emulated}}}, context.Cause(ctx)
			},
		}},
	}
	if w.engine != nil {
		env.Engine = engine.New(w.api)
	}
	return env
}

// startEngine gives the world an engine, whose containers succeed, and which can pull everything.
func (w *world) startEngine() {
	w.engine = &enginetest.Engine{
		Info:    system.Info{OSType: "linux", Architecture: "x86_64", NCPU: 2, DriverStatus: [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}},
		Store:   enginetest.Store{Containerd: true},
		Process: func(*enginetest.Container, []string, io.Reader, io.Writer, io.Writer) int { return 0 },
		Answer: func(resp http.ResponseWriter, req *http.Request) bool {
			active := w.reach(phaseOfEngine(req), request{from: byEngine})
			if active == nil || active.engine == nil {
				return false
			}
			active.engine(resp, req)
			return true
		},
	}
	w.engine.Pull = func(ref string) error {
		_, hex, _ := strings.Cut(ref, ":sha256:")
		w.engine.Have(ref, "sha256:"+hex)
		return nil
	}
	w.api = w.engine.StartInMemory(w)
}

func (w *world) client() *manifest.Client {
	return manifest.New(manifest.Options{
		Transport: wire{w, byClient},
		Credential: func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: "ann", Password: "secret"}, nil
		},
		Retry: manifest.Retry{Random: func() float64 { return 0 }},
		Clock: manifest.Clock{Now: func() time.Time {
			w.mu.Lock()
			defer w.mu.Unlock()
			return time.Now().Add(w.run.jump)
		}},
	})
}

// events are a build's events.
type events struct{ *world }

func (events) Status(platform.Platform, *client.SolveStatus) {}
func (events) Note(diag.Diagnostic)                          {}

func (e events) Cleared(plan.Plan) {
	e.reach(barrier, request{})
	e.pass()
}

func tags(names ...string) (tags []reference.NamedTagged) {
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(host + "/" + name)
		if err != nil {
			panic(err) // the names are constants
		}
		tags = append(tags, named.(reference.NamedTagged))
	}
	return tags
}

// programs are layers with a file /app, the beginning of an ELF program, by architecture.
var programs = map[string][]byte{"amd64": program(62), "arm64": program(183)}

func program(machine byte) []byte {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	head[16], head[18], head[20], head[52] = 2, machine, 1, 64
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	files := tar.NewWriter(zipped)
	err := files.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(head))})
	_, werr := files.Write(head)
	if err := errors.Join(err, werr, files.Close(), zipped.Close()); err != nil {
		panic(err) // memory takes everything
	}
	return slices.Clone(packed.Bytes())
}
