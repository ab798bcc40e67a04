package merge_test

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// metadata writes a metadata file like a build.
func metadata(t *testing.T, name, image, dgst, multiarch string) string {
	t.Helper()
	text := `{"containerimage.digest":"` + dgst + `","image.name":"` + image + `","multiarch":{"schemaVersion":1,` + multiarch + `"byDigest":["x"],"tags":[]}}`
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestInputsThatDoNotFitAreRefusedBeforeAnyRegistryIsAsked(t *testing.T) {
	t.Chdir(t.TempDir())
	d := digest.FromString("x").String()
	write := func(name, text string) string {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	a := metadata(t, "a.json", "reg.example/a", d, `"source":{"revision":"one","run":"7"},`)
	for name, tt := range map[string]struct {
		words []string
		want  []string
	}{
		"no name":             {[]string{"App:1"}, []string{`"App:1" is neither a file nor an image name`, "lowercase"}},
		"no file":             {[]string{"none.json"}, []string{`"none.json"`, "no such file"}},
		"no metadata":         {[]string{write("b.json", `{"a":1}`)}, []string{"b.json", "neither containerimage.digest nor image.name"}},
		"no JSON":             {[]string{write("c.json", `hello`)}, []string{"c.json", "not the metadata file"}},
		"no image":            {[]string{write("d.json", `{"image.name":"a"}`)}, []string{"made no image"}},
		"no push":             {[]string{write("e.json", `{"image.name":"a","containerimage.digest":"`+d+`","multiarch":{"tags":[]}}`)}, []string{"pushed nothing"}},
		"a broken digest":     {[]string{metadata(t, "f.json", "reg.example/a", "sha256:1", "")}, []string{"f.json", "sha256:1"}},
		"two repositories":    {[]string{a, metadata(t, "g.json", "reg.example/b", d, "")}, []string{"two repositories", "a.json", "g.json", "reg.example/a", "reg.example/b"}},
		"two commits":         {[]string{a, metadata(t, "h.json", "reg.example/a", d, `"source":{"revision":"two"},`)}, []string{"two commits", "one", "two", "name the second by its digest: reg.example/a@sha256:"}},
		"two runs":            {[]string{a, metadata(t, "i.json", "reg.example/a", d, `"source":{"run":"8"},`)}, []string{"two CI runs", "7 and 8"}},
		"no archive":          {[]string{write("j.tar", "hello")}, []string{"j.tar", "not a tar archive"}},
		"a digest of nothing": {[]string{"oci-layout://x@sha256:1"}, []string{"sha256:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := merge.Parse(t.Context(), tt.words)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
}

func TestMetadataOfBuildsIsMerged(t *testing.T) {
	w := newFixture(t)
	t.Chdir(t.TempDir())
	amd, arm := w.image("app", "linux/amd64", "", manifest.OCI), w.image("app", "linux/arm64", "", manifest.OCI)
	same := `"source":{"revision":"one","run":"7"},`
	_, err := w.merge(one(w.name("app:1")),
		metadata(t, "amd64.json", w.host+"/app", amd.Digest.String(), same),
		metadata(t, "arm64", w.host+"/app:1", arm.Digest.String(), same))
	if err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index", []string{"linux/amd64", "linux/arm64"}, platforms(index))
}
