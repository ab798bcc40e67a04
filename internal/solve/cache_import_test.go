package solve

import (
	"path/filepath"
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
		{Name: importing + "s3:123", Completed: &now, Error: "denied"},
		{Name: importing + "r/c:1", Completed: &now, Error: "not found"},
		{Name: importing + "r/d:1", Completed: &now},
		{Name: importing + "r/e:1"},
		{Name: "RUN make", Completed: &now, Error: "exit code: 1"},
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
	e := newExcerpt(p, true, c.importName)
	e.see(&client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: "a", Name: importing + "s3:123", Error: "denied"}, {Digest: "b", Name: "RUN make"}},
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
		e.words = append(e.words, v.Name+v.Error)
	}
	for _, v := range s.Statuses {
		e.words = append(e.words, v.ID)
	}
}
