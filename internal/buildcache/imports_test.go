package buildcache

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

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
)

func entry(words ...string) Entry {
	e := Entry{Attrs: map[string]string{}}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		e.Attrs[key] = value
	}
	e.Type = e.Attrs["type"]
	delete(e.Attrs, "type")
	return e
}

func TestALocalCacheIsImportedByItsDigestOrLeftOutWithAWarning(t *testing.T) {
	dir := t.TempDir()
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("cache"), Size: 5}
	if err := ociindex.NewStoreIndex(dir).Put(desc, ociindex.Tag("v1")); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing")
	var notes []string
	c := newImports([]Entry{
		entry("type=local", "src="+dir, "tag=v1"), entry("type=local", "src="+dir), entry("type=local", "src="+missing),
	}, nil, func(n diag.Diagnostic) { notes = append(notes, n.Shown()) })
	if len(c.entries) != 1 || c.entries[0].Attrs["digest"] != desc.Digest.String() {
		t.Errorf("imports %v", c.entries)
	}
	for _, part := range []string{dir + `: it has no cache with the tag "latest"`, missing} {
		if all := strings.Join(notes, "\n"); !strings.Contains(all, "warning: no cache was imported from "+part) {
			t.Errorf("%q lacks %q", all, part)
		}
	}
}

func TestAnImportThatFailsIsWarnedOfOnce(t *testing.T) {
	var notes []string
	c := newImports([]Entry{entry("type=s3", "bucket=b", "secret_access_key=hidden")}, nil, func(n diag.Diagnostic) { notes = append(notes, n.Shown()) })
	now := time.Now()
	msg := &client.SolveStatus{Vertexes: []*client.Vertex{
		{Name: "importing cache manifest from s3:123", Completed: &now, Error: "denied"},
		{Name: "importing cache manifest from r/c:1", Completed: &now, Error: "not found"},
		{Name: "importing cache manifest from r/d:1", Completed: &now},
		{Name: "importing cache manifest from r/e:1"},
		{Name: "RUN make", Completed: &now, Error: "exit code: 1"},
	}}
	c.warnFailed(msg)
	c.warnFailed(msg)
	want := []string{"warning: no cache was imported from s3 b: denied", "warning: no cache was imported from r/c:1: not found"}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheProgressShowsCacheStepsAndNoStepTwice(t *testing.T) {
	var words []string
	c := newImports([]Entry{entry("type=s3", "bucket=b")}, nil, nil)
	e := newExcerpt(func(s *client.SolveStatus) {
		for _, v := range s.Vertexes {
			words = append(words, v.Name+v.Error)
		}
		for _, v := range s.Statuses {
			words = append(words, v.ID)
		}
	}, true, c.shownName)
	e.add(&client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: "a", Name: "importing cache manifest from s3:123", Error: "denied"}, {Digest: "b", Name: "RUN make"}},
		Statuses: []*client.VertexStatus{{Vertex: "a", ID: "reading"}, {Vertex: "b", ID: "running"}},
	})
	e.add(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: "b"}}})
	if diff := cmp.Diff([]string{"importing the build cache from s3 b", "reading"}, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
