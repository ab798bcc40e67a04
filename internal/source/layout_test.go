package source

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/sirupsen/logrus"
)

func TestAnOCILayoutIsANamedContext(t *testing.T) {
	logrus.SetOutput(io.Discard) // from containerd's store, as in the program
	t.Cleanup(func() { logrus.SetOutput(os.Stderr) })
	inProject(t)
	dgst := digest.FromString("index").String()
	write(t, ".", "layout/oci-layout", `{"imageLayoutVersion":"1.0.0"}`)
	write(t, ".", "layout/index.json", `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"`+dgst+`","size":5,`+
		`"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`)
	for _, value := range []string{"oci-layout://layout:v1", "oci-layout://layout@" + dgst, "oci-layout://layout:v1@" + dgst} {
		src, release, err := Open(t.Context(), Options{Context: "app", Named: map[string]string{"base": value}})
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		id, got, _ := strings.Cut(strings.TrimPrefix(src.Attrs["context:base"], "oci-layout://"), "@")
		if got != dgst || src.Stores[id] == nil || len(src.Stores) != 1 {
			t.Errorf("%s: attribute %q, stores %v", value, src.Attrs["context:base"], src.Stores)
		}
		release()
	}
}

func TestLayoutReferences(t *testing.T) {
	dgst := digest.FromString("x").String()
	for ref, want := range map[string][3]string{
		"dir":               {"dir", "latest", ""},
		"./a/b:v1":          {"./a/b", "v1", ""},
		"/a:b/c":            {"/a:b/c", "latest", ""},
		"dir@" + dgst:       {"dir", "", dgst},
		"dir:v1@" + dgst:    {"dir", "v1", dgst},
		`C:\layouts\app:v1`: {`C:\layouts\app`, "v1", ""},
		`C:\layouts`:        {`C:\layouts`, "latest", ""},
		"user@host/dir":     {"user@host/dir", "latest", ""},
	} {
		path, tag, d := splitLayout(ref)
		if got := [3]string{path, tag, d.String()}; got != want {
			t.Errorf("%s: got %q, want %q", ref, got, want)
		}
	}
}
