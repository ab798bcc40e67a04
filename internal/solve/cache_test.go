package solve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/pins"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
)

const copiesContext = "FROM --platform=$BUILDPLATFORM alpine AS gen\nCOPY hello /\nRUN make\nFROM alpine\nCOPY --from=gen /out /\nRUN strip\n"

func entry(words ...string) buildcache.Entry {
	e := buildcache.Entry{Attrs: map[string]string{}}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		e.Attrs[key] = value
	}
	e.Type = e.Attrs["type"]
	delete(e.Attrs, "type")
	return e
}

// exports returns the exported caches, each with its attributes and the platforms in it, sorted.
func (w *harness) exports() (exports []string) {
	for _, s := range w.Others() {
		for _, e := range s.Opt.CacheExports {
			exports = append(exports, fmt.Sprintf("%s %v %v", e.Type, e.Attrs, s.Exported))
		}
	}
	slices.Sort(exports)
	return exports
}

func TestOneSolveImportsForAllPlatformsAndTheInlineCacheIsEachImagesOwn(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.req.Cache.From = []buildcache.Entry{entry("type=registry", "ref=r/c:{{platform}}"), entry("type=registry", "ref=r/other"), entry("type=registry", "ref=r/other")}
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

func TestACacheHasAllPlatformsAndIsMadeWithoutBuildingAgain(t *testing.T) {
	for name, change := range map[string]func(*harness){
		"":                  func(*harness) {},
		"without a cache":   func(w *harness) { w.req.NoCache = true },
		"one after another": func(w *harness) { w.req.Jobs = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHarness(t, copiesContext)
			change(w)
			w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c", "mode=max"), entry("type=local", "dest=d"), entry("type=inline")}
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
			if shared, own := w.Ran("RUN make"), w.Ran("RUN strip"); shared != 1 || own != 3 {
				t.Errorf("the shared step ran %d times, the other %d times", shared, own)
			}
		})
	}
}

func TestAMarkedDestinationHasACacheForEachPlatform(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=x-{{platform}}")}
	w.mustRun()
	want := []string{
		"registry map[ref:x-linux-amd64] [linux/amd64]", "registry map[ref:x-linux-arm-v7] [linux/arm/v7]", "registry map[ref:x-linux-arm64] [linux/arm64]",
	}
	if diff := cmp.Diff(want, w.exports()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestACacheThatCannotBeExportedFailsTheBuildBeforeAnyTag(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.Export = func(_ context.Context, e client.CacheOptionsEntry) error {
		return errors.New("denied to " + e.Attrs["ref"])
	}
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c")}
	rep, err := w.run()
	if _, ok := errors.AsType[*buildcache.ExportError](err); !ok {
		t.Fatalf("%v is no ExportError", err)
	}
	contains(t, err.Error(), "the build cache could not be exported to r/c", "denied to r/c")
	if tag := w.tagged("app:v1"); tag != "" || len(rep.Tags) > 0 {
		t.Errorf("the tag names %q, the report has %v", tag, rep.Tags)
	}
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c", "ignore-error=true")}
	w.mustRun()
	if w.tagged("app:v1") == "" {
		t.Error("no tag was moved")
	}
	contains(t, strings.Join(w.progress.notes, "\n"), "warning: the build cache could not be exported to r/c", "denied to r/c")
}

func TestACacheThatBuildKitCannotSetUpIsRefusedBeforeTheBuild(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.req.Cache.To = []buildcache.Entry{entry("type=s3", "region=r")}
	_, err := w.run()
	if _, ok := errors.AsType[*preflight.Error](err); !ok {
		t.Fatalf("%v is no PreflightError", err)
	}
	contains(t, err.Error(), "BuildKit cannot export the build cache to s3: ", "not set for s3 cache")
	w.untouched()
	w = newHarness(t, copiesContext)
	w.req.Cache.To = []buildcache.Entry{entry("type=s3", "region=r", "bucket=b")}
	w.mustRun()
	if diff := cmp.Diff([]string{"s3 map[bucket:b region:r] []", "s3 map[bucket:b region:r] [linux/amd64 linux/arm/v7 linux/arm64]"}, w.exports()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailedBuildExportsNoCache(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.Push = failing("failed to push", "linux/arm64")
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c")}
	if _, err := w.run(); err == nil {
		t.Fatal("no error")
	}
	if got := w.exports(); len(got) > 0 {
		t.Errorf("exported %q", got)
	}
}

func TestACacheIsExportedWhileImagesAreReadBack(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c")}
	exported := make(chan struct{})
	w.Export = func(context.Context, client.CacheOptionsEntry) error {
		close(exported)
		return nil
	}
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodGet, "/manifests/sha256:"), Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		select {
		case <-exported:
			next.ServeHTTP(rw, req)
		case <-req.Context().Done():
		}
	}})
	w.mustRun()
	if got := w.exports(); len(got) != 1 {
		t.Errorf("%d exports: %v", len(got), got)
	}
}

func TestACacheIsExportedOfTheImagesThatTheBuildEndsWith(t *testing.T) {
	on := &nodeRun{}
	got := outcome{decided: &decision{}}
	for name, tt := range map[string]struct {
		made  []int
		early int
		last  bool // it is exported at the end of the build
	}{
		"all are made once":                   {[]int{1, 0}, 1, false},
		"one is made again":                   {[]int{0, 1, 0}, 1, true},
		"one is not made":                     {[]int{0}, 0, true},
		"one is made again, before the other": {[]int{0, 0, 1}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			early, last, ending := 0, false, false
			e := &cacheExport{made: make([]solved, 2), left: 2, export: func(results []solved, _ pins.Pins) error {
				if ending {
					last = true
					return nil
				}
				early++
				if len(results) != 2 || results[0].on != on || results[1].on != on {
					t.Errorf("of %v", results)
				}
				return errors.New("no")
			}}
			for _, i := range tt.made {
				e.Made(i, on, got)
			}
			e.running.Wait()
			ending = true
			err := e.finish(nil, pins.Pins{})
			if early != tt.early || last != tt.last || (err == nil) != tt.last {
				t.Errorf("%d early, at the end: %t, %v", early, last, err)
			}
		})
	}
	atEnd := &cacheExport{left: 1, export: func([]solved, pins.Pins) error { return errors.New("now") }}
	atEnd.Made(0, on, got)
	if err := atEnd.finish(nil, pins.Pins{}); err == nil {
		t.Error("nothing is exported")
	}
}

func TestACancelledExportEndsWithTheCause(t *testing.T) {
	w := newHarness(t, copiesContext)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	w.Export = func(ctx context.Context, _ client.CacheOptionsEntry) error {
		cancel(cause)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	w.req.Cache.To = []buildcache.Entry{entry("type=registry", "ref=r/c", "ignore-error=true")}
	if _, err := Run(ctx, w.req, w.env, w.preflight); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestCacheRepositoriesAreAskedUnlessTheyMayFailOrAreTheResults(t *testing.T) {
	w := newHarness(t, copiesContext)
	w.req.Cache.To = []buildcache.Entry{
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
	r := Request{Cache: buildcache.Cache{
		From: []buildcache.Entry{entry("type=registry", "ref=localhost:5000/c:{{platform}}")},
		To:   []buildcache.Entry{entry("type=s3", "endpoint_url=http://127.0.0.1:9000/x", "bucket=b")},
	}}
	want := []Reference{{"localhost:5000/c:platform", "the cache localhost:5000/c:platform"}, {"127.0.0.1:9000/cache", "the cache 127.0.0.1:9000/cache"}}
	if diff := cmp.Diff(want, r.References()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
