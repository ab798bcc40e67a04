// Package buildkittest has a BuildKit for tests: a [Builder] is a solve.Solver that needs no daemon.
//
// The parts that decide are real: BuildKit's own Dockerfile frontend, its sessions (in memory) and its source policies, and a
// registry that the images are pushed to by digest ([NewRegistry]). The parts that take time are simulated: a step "runs" by
// calling a hook and being recorded. As in BuildKit, a step that is the same for several solves runs once while one of them holds
// it, and without --no-cache once for ever; files of the build context are fetched from the session that the solve names when a
// step needs them.
package buildkittest

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Hook is called by a Builder at some point of a platform's solve. It may block, and its error ends the solve. A nil Hook does
// nothing.
type Hook func(ctx context.Context, p platform.Platform) error

// Builder is a BuildKit without a daemon. Make one with [New], set the hooks before the first build.
type Builder struct {
	// Platforms are those that the worker reports, its own first.
	Platforms []platform.Platform
	// Read is called before a platform's Dockerfile is read, Run before its steps run, Push before its image is pushed.
	Read, Run, Push Hook
	// Record is called while a solve is recorded that is not internal, between its exports and its answer.
	Record Hook
	// Step is called when a step runs a program or changes files. As in BuildKit, its error is that of the step for as long as a solve holds it.
	Step func(p platform.Platform, name string) error
	// Says returns the output that a step writes before it ends; nil writes nothing.
	Says func(p platform.Platform, name string) string
	// Took returns the reported duration of a step; nil reports none.
	Took func(p platform.Platform, name string) time.Duration
	// Export is called before a cache is exported; nil allows it.
	Export func(context.Context, client.CacheOptionsEntry) error
	// Cached returns the descriptor of the manifest, as JSON, that the export of a cache has written; nil, and "", mean that there was nothing
	// to export.
	Cached func(client.CacheOptionsEntry) string
	// Digest returns the digest that an image's name resolves to for a platform; nil gives every name a digest of its own.
	Digest func(name string, p platform.Platform) digest.Digest
	// Image returns the platform in the configuration of the image that a name has for a platform; an error means that it has
	// none, and "no match" ([ErrNoMatch]) that it has others. nil gives every name an image for every platform.
	Image func(name string, p platform.Platform) (platform.Platform, error)
	// Contents returns the configuration and files of the image that a name has for a platform. nil gives every image an empty
	// configuration, and no files are read then.
	Contents func(name string, p platform.Platform) (ocispecs.ImageConfig, fs.FS)
	// Made returns the files that exist after a step has run; nil, also of the function, means that they cannot be read.
	Made func(graph.Step) fs.FS
	// Unreachable, if not nil, is called with references that are looked up by digest: its error is that of the network.
	Unreachable func(ref string) error
	// Files are the contents of git and http sources, by their identifier.
	Files map[string]string
	// Layer returns the content of the image for a platform, a tar archive that is compressed with gzip; nil uses a default.
	Layer func(platform.Platform) []byte
	// Transport carries the requests to registries; nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Snoops are secrets that the builder asks each solve's session for, before the Dockerfile is read and when steps run, whether a
	// step mounts them or not.
	Snoops []string
	// Sleep waits between the tries of a push; nil waits in real time.
	Sleep func(context.Context, time.Duration) error
	// Unreadable makes the frontend one whose graph no client can read.
	Unreadable bool
	// NoMetadata simulates an older BuildKit, which does not resolve git and http sources.
	NoMetadata bool
	// Untold simulates an older BuildKit, which does not tell a solve's session that it has exported.
	Untold bool

	life     context.Context //nolint:containedctx // ends when the builder dies
	end      context.CancelFunc
	dir      string
	sessions *session.Manager

	mu        sync.Mutex
	solves    []*Solve
	others    []*Solve
	resolved  map[string]int
	work      map[digest.Digest]*work
	asked     []string
	looked    []string
	layers    map[digest.Digest][]byte
	documents map[digest.Digest][]byte // the manifests and configurations of the images
	fetched   int
}

// Solve is a Builder's record of one platform's solve. Read it after the build.
type Solve struct {
	Platform platform.Platform
	Opt      client.SolveOpt
	// Requests are the frontend's calls, in their order: the first reading, and the second under the pins.
	Requests []gateway.SolveRequest
	// Sources are those that its steps fetched, after the source policies. Ran has the names of the steps that ran in it: not
	// those that were shared with another solve or in the cache. Secrets are those that the steps received, as id=value. Context
	// counts the transfers of build contexts.
	// Snooped are the secrets of Builder.Snoops that it received.
	Sources, Ran, Secrets, Snooped []string
	Context                        int

	// Pushed are the repositories that took its image.
	Pushed []string

	// Exported are the platforms whose results were exported as a cache, and Lost the sources that were missing from it.
	Exported, Lost []string
}

// New makes a builder for linux/amd64.
func New(t testing.TB) *Builder {
	t.Helper()
	sessions, err := session.NewManager()
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(end)
	return &Builder{
		life: life, end: end,
		Platforms: []platform.Platform{{OS: "linux", Architecture: "amd64"}},
		Files:     map[string]string{}, dir: t.TempDir(), sessions: sessions,
		resolved: map[string]int{}, work: map[digest.Digest]*work{}, layers: map[digest.Digest][]byte{}, documents: map[digest.Digest][]byte{},
	}
}

// Solves returns the requested solves, in canonical order of the platforms; those of one platform in the order in which they
// began.
func (b *Builder) Solves() []*Solve {
	b.mu.Lock()
	defer b.mu.Unlock()
	solves := slices.Clone(b.solves)
	slices.SortStableFunc(solves, func(x, y *Solve) int { return platform.Compare(x.Platform, y.Platform) })
	return solves
}

// Ran counts how often steps ran whose name has the suffix, over all solves.
func (b *Builder) Ran(suffix string) int {
	n := 0
	for _, s := range b.Solves() {
		for _, name := range s.Ran {
			if strings.HasSuffix(name, suffix) {
				n++
			}
		}
	}
	return n
}

// Readings returns the frontend's runs in all solves that were for a platform: those for several platforms first, the others in their order.
func (b *Builder) Readings(p platform.Platform) (runs []gateway.SolveRequest) {
	for _, several := range []bool{true, false} {
		for _, s := range b.Solves() {
			for _, r := range s.Requests {
				targets, _, err := platform.Parse(r.FrontendOpt["platform"])
				if err == nil && platform.Contains(targets, p) && len(targets) > 1 == several {
					runs = append(runs, r)
				}
			}
		}
	}
	return runs
}

// Runs counts the runs of frontends in all solves.
func (b *Builder) Runs() (n int) {
	for _, s := range b.Solves() {
		n += len(s.Requests)
	}
	return n
}

// Resolved counts how often the metadata of a git or http source was asked for.
func (b *Builder) Resolved(identifier string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.resolved[identifier]
}

// ErrNoMatch is BuildKit's error for an index that has nothing for a platform.
var ErrNoMatch = errors.New("no match for platform in manifest: not found")

// Index puts an index of these platforms where BuildKit keeps resolved images, and returns its digest.
func (b *Builder) Index(platforms ...platform.Platform) digest.Digest {
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}
	for _, p := range platforms {
		index.Manifests = append(index.Manifests, ocispecs.Descriptor{Digest: digest.FromString(platform.Format(p)), Platform: &p})
	}
	data, err := json.Marshal(index)
	if err != nil {
		panic(err) // the index can always be written
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.layers[digest.FromBytes(data)] = data
	return digest.FromBytes(data)
}

// Asked returns the references whose configurations were looked up, in their order.
func (b *Builder) Asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// Looked returns the names of the images whose files were read, or of the steps that made them, each time that they were, in
// their order.
func (b *Builder) Looked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.looked)
}

// Die ends the builder like a machine that is switched off: its sessions break, and all solves end with the error of a lost connection.
func (b *Builder) Die() { b.end() }

// Build implements solve.Solver.
func (b *Builder) Build(
	ctx context.Context, opt client.SolveOpt, _ string, fn gateway.BuildFunc, status chan *client.SolveStatus,
) (*client.SolveResponse, error) {
	defer close(status)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.life, cancel)() //nolint:contextcheck // of the builder
	var resp *client.SolveResponse
	var err error
	if b.life.Err() == nil {
		resp, err = b.build(ctx, opt, fn, status)
	}
	if b.life.Err() != nil {
		return nil, grpcstatus.Error(codes.Unavailable, "error reading from server: EOF")
	}
	return resp, err
}

func (b *Builder) build(
	ctx context.Context, opt client.SolveOpt, fn gateway.BuildFunc, status chan *client.SolveStatus,
) (*client.SolveResponse, error) {
	if name := opt.FrontendAttrs["platform"]; name == "" || len(opt.Exports) == 0 && len(opt.CacheExports) > 0 && opt.CacheExports[0].Type != "inline" {
		return b.other(ctx, opt, fn, status)
	}
	targets, _, err := platform.Parse(opt.FrontendAttrs["platform"])
	if err != nil {
		return nil, err
	}
	j := &job{Solve: &Solve{Platform: targets[0], Opt: opt}, builder: b, status: status}
	b.mu.Lock()
	b.solves = append(b.solves, j.Solve)
	b.mu.Unlock()
	defer j.release()
	res, err := fn(ctx, &bridge{job: j})
	if err != nil {
		return nil, err // as BuildKit's client does, which waits for the daemon's error (client/solve.go)
	}
	resp, err := j.export(ctx, res)
	if err == nil && opt.EnableSessionExporter && !b.Untold {
		err = j.tellExported(ctx, resp)
	}
	if err == nil && !opt.Internal {
		err = b.Record.call(ctx, j.Platform)
	}
	return resp, err
}

func (h Hook) call(ctx context.Context, p platform.Platform) error {
	if h != nil {
		if err := h(ctx, p); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
