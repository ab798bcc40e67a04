package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/ociindex"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

const copiesContext = "FROM --platform=$BUILDPLATFORM alpine AS gen\nCOPY hello /\nRUN make\nFROM alpine\nCOPY --from=gen /out /\nRUN strip\n"

func entry(words ...string) CacheEntry {
	e := CacheEntry{Attrs: map[string]string{}}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		e.Attrs[key] = value
	}
	e.Type = e.Attrs["type"]
	delete(e.Attrs, "type")
	return e
}

// exports are the caches that were exported, each with its attributes and the platforms in it, sorted.
func (w *world) exports() (exports []string) {
	for _, s := range w.Others() {
		for _, e := range s.Opt.CacheExports {
			exports = append(exports, fmt.Sprintf("%s %v %v", e.Type, e.Attrs, s.Exported))
		}
	}
	slices.Sort(exports)
	return exports
}

func TestACacheHasAllPlatformsAndIsMadeWithoutBuildingAgain(t *testing.T) {
	for name, change := range map[string]func(*world){
		"":                  func(*world) {},
		"without a cache":   func(w *world) { w.req.NoCache = true },
		"one after another": func(w *world) { w.req.Jobs = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, copiesContext)
			change(w)
			w.req.Cache.To = []CacheEntry{entry("type=registry", "ref=r/c", "mode=max"), entry("type=local", "dest=d"), entry("type=inline")}
			w.mustRun()
			all := "[linux/amd64 linux/arm/v7 linux/arm64]"
			want := []string{"local map[dest:d] " + all, "registry map[mode:max ref:r/c] " + all}
			if diff := cmp.Diff(want, w.exports()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, s := range w.Others() {
				if len(s.Ran)+s.Context+len(s.Lost) > 0 || len(s.Opt.Exports) > 0 || !s.Opt.Internal {
					t.Errorf("ran %q, read the context %d times, lost %q, exported %v", s.Ran, s.Context, s.Lost, s.Opt.Exports)
				}
			}
			if make, strip := w.Ran("RUN make"), w.Ran("RUN strip"); make != 1 || strip != 3 {
				t.Errorf("the shared step ran %d times, the other %d times", make, strip)
			}
		})
	}
}

func TestAMarkedDestinationHasACacheForEachPlatform(t *testing.T) {
	w := newWorld(t, copiesContext)
	w.req.Cache.To = []CacheEntry{entry("type=registry", "ref=x-{{platform}}")}
	w.mustRun()
	want := []string{
		"registry map[ref:x-linux-amd64] [linux/amd64]", "registry map[ref:x-linux-arm-v7] [linux/arm/v7]", "registry map[ref:x-linux-arm64] [linux/arm64]",
	}
	if diff := cmp.Diff(want, w.exports()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestACacheThatCannotBeExportedFailsTheBuildBeforeAnyTag(t *testing.T) {
	w := newWorld(t, copiesContext)
	w.Export = func(_ context.Context, e client.CacheOptionsEntry) error {
		return errors.New("denied to " + e.Attrs["ref"])
	}
	w.req.Cache.To = []CacheEntry{entry("type=registry", "ref=r/c")}
	rep, err := w.run()
	if _, ok := errors.AsType[*CacheError](err); !ok {
		t.Fatalf("%v is no CacheError", err)
	}
	contains(t, err.Error(), "the build cache could not be exported to r/c", "denied to r/c")
	if tag := w.tagged("app:v1"); tag != "" || len(rep.Tags) > 0 {
		t.Errorf("the tag names %q, the report has %v", tag, rep.Tags)
	}
	w.req.Cache.To = []CacheEntry{entry("type=registry", "ref=r/c", "ignore-error=true")}
	w.mustRun()
	if w.tagged("app:v1") == "" {
		t.Error("no tag was moved")
	}
	contains(t, strings.Join(w.progress.notes, "\n"), "warning: the build cache could not be exported to r/c", "denied to r/c")
}

func TestACacheThatBuildKitCannotSetUpIsRefusedBeforeTheBuild(t *testing.T) {
	w := newWorld(t, copiesContext)
	w.req.Cache.To = []CacheEntry{entry("type=s3", "region=r")}
	_, err := w.run()
	if _, ok := errors.AsType[*PreflightError](err); !ok {
		t.Fatalf("%v is no PreflightError", err)
	}
	contains(t, err.Error(), "--cache-to: ", "not set for s3 cache")
	w.untouched()
	w = newWorld(t, copiesContext)
	w.req.Cache.To = []CacheEntry{entry("type=s3", "region=r", "bucket=b")}
	w.mustRun()
	if diff := cmp.Diff([]string{"s3 map[bucket:b region:r] []", "s3 map[bucket:b region:r] [linux/amd64 linux/arm/v7 linux/arm64]"}, w.exports()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedBuildExportsNoCache(t *testing.T) {
	w := newWorld(t, copiesContext)
	w.Push = failing("failed to push", "linux/arm64")
	w.req.Cache.To = []CacheEntry{entry("type=registry", "ref=r/c")}
	if _, err := w.run(); err == nil {
		t.Fatal("no error")
	}
	if got := w.exports(); len(got) > 0 {
		t.Errorf("exported %q", got)
	}
}

func TestACancelledExportEndsWithTheCause(t *testing.T) {
	w := newWorld(t, copiesContext)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	w.Export = func(ctx context.Context, _ client.CacheOptionsEntry) error {
		cancel(cause)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	w.req.Cache.To = []CacheEntry{entry("type=registry", "ref=r/c", "ignore-error=true")}
	if _, err := Run(ctx, w.req, w.env, w.preflight); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestOneSolveImportsForAllPlatformsAndTheInlineCacheIsEachImagesOwn(t *testing.T) {
	w := newWorld(t, copiesContext)
	w.req.Cache.From = []CacheEntry{entry("type=registry", "ref=r/c:{{platform}}"), entry("type=registry", "ref=r/other"), entry("type=registry", "ref=r/other")}
	w.req.BuildArgs = map[string]string{"BUILDKIT_INLINE_CACHE": "1"}
	w.mustRun()
	keeper := w.Others()[0]
	var refs []string
	for _, e := range keeper.Opt.CacheImports {
		refs = append(refs, e.Attrs["ref"])
	}
	if diff := cmp.Diff([]string{"r/c:linux-amd64", "r/c:linux-arm-v7", "r/c:linux-arm64", "r/other"}, refs); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
	for _, s := range w.Solves() {
		if len(s.Opt.CacheImports) > 0 || len(s.Opt.CacheExports) != 1 || s.Opt.CacheExports[0].Type != "inline" {
			t.Errorf("a platform's own solve imports %v and exports %v", s.Opt.CacheImports, s.Opt.CacheExports)
		}
	}
	if len(w.Others()) != 1 {
		t.Errorf("%d more solves, want one", len(w.Others()))
	}
}

func TestALocalCacheIsImportedByItsDigestOrLeftOutWithAWarning(t *testing.T) {
	dir := t.TempDir()
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("cache"), Size: 5}
	if err := ociindex.NewStoreIndex(dir).Put(desc, ociindex.Tag("v1")); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	var notes []string
	c := newCaching(Cache{From: []CacheEntry{
		entry("type=local", "src="+dir, "tag=v1"), entry("type=local", "src="+dir), entry("type=local", "src="+missing),
	}}, nil, func(line string) { notes = append(notes, line) })
	if len(c.imports) != 1 || c.imports[0].Attrs["digest"] != desc.Digest.String() {
		t.Errorf("imports %v", c.imports)
	}
	contains(t, strings.Join(notes, "\n"), "warning: no cache was imported from "+dir+`: it has no cache with the tag "latest"`,
		"warning: no cache was imported from "+missing)
}

func TestAnImportThatFailsIsWarnedOfOnce(t *testing.T) {
	var notes []string
	c := newCaching(Cache{From: []CacheEntry{entry("type=s3", "bucket=b", "secret_access_key=hidden")}}, nil, func(line string) { notes = append(notes, line) })
	now := time.Now()
	msg := &client.SolveStatus{Vertexes: []*client.Vertex{
		{Name: importing + "s3:123", Completed: &now, Error: "denied"}, {Name: importing + "r/c:1", Completed: &now, Error: "not found"},
		{Name: importing + "r/d:1", Completed: &now}, {Name: importing + "r/e:1"}, {Name: "RUN make", Completed: &now, Error: "exit code: 1"},
	}}
	c.see(msg)
	c.see(msg)
	want := []string{"warning: no cache was imported from s3 b: denied", "warning: no cache was imported from r/c:1: not found"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheProgressShowsWhatTheCachesDoAndNoStepTwice(t *testing.T) {
	p := &excerpts{}
	c := newCaching(Cache{From: []CacheEntry{entry("type=s3", "bucket=b")}}, nil, nil)
	e := newExcerpt(p, c.importName)
	e.see(&client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: "a", Name: importing + "s3:123"}, {Digest: "b", Name: "RUN make"}},
		Statuses: []*client.VertexStatus{{Vertex: "a", ID: "reading"}, {Vertex: "b", ID: "running"}},
	})
	e.see(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: "b"}}})
	if diff := cmp.Diff([]string{"importing the build cache from s3 b", "reading"}, p.words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// excerpts is a Progress that keeps what it is told about work for all platforms.
type excerpts struct {
	recorder
	words []string
}

func (e *excerpts) Status(p platform.Platform, s *client.SolveStatus) {
	if p.OS != "" {
		return
	}
	for _, v := range s.Vertexes {
		e.words = append(e.words, v.Name)
	}
	for _, v := range s.Statuses {
		e.words = append(e.words, v.ID)
	}
}

func TestCacheRepositoriesAreAskedUnlessTheyMayFailOrAreTheResults(t *testing.T) {
	w := newWorld(t, copiesContext)
	w.req.Cache.To = []CacheEntry{
		entry("type=registry", "ref="+w.host+"/app:cache"), entry("type=registry", "ref=r.example/c-{{platform}}:1"),
		entry("type=registry", "ref=r.example/d", "ignore-error=true"), entry("type=local", "dest=x"), entry("type=registry", "ref=r.example/e"),
		entry("type=registry", "ref=r.example/e:2"),
	}
	var got []string
	for _, r := range w.req.CacheRepositories() {
		got = append(got, r.Name())
	}
	want := []string{"r.example/c-linux-amd64", "r.example/c-linux-arm64", "r.example/c-linux-arm-v7", "r.example/e"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheHostsOfCachesAreAmongTheReferences(t *testing.T) {
	r := Request{Cache: Cache{
		From: []CacheEntry{entry("type=registry", "ref=localhost:5000/c:{{platform}}")},
		To:   []CacheEntry{entry("type=s3", "endpoint_url=http://127.0.0.1:9000/x", "bucket=b")},
	}}
	if diff := cmp.Diff([]string{"localhost:5000/c:platform", "127.0.0.1:9000/cache"}, r.References()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
