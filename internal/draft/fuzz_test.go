package draft_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/draft"
)

// FuzzStore reads a draft from a file with any content.
func FuzzStore(f *testing.F) {
	const d = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	f.Add([]byte(`{"version":1,"list":"docker.io/library/app:1","images":[{"name":"docker.io/library/x:1","root":{"digest":"` + d + `"},"children":[{"descriptor":{"digest":"` + d + `","size":7}}]}]}`))
	f.Add([]byte(`{"version":1,"list":"docker.io/library/app:1","images":[{"name":"x","root":{"digest":"` + d + `"},"children":[{"descriptor":{"digest":"` + d + `","size":-7}}]}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s := draft.Store{Dir: t.TempDir()}
		named, err := reference.WithTag(mustParse(t, "app"), "1")
		if err != nil {
			t.Fatal(err)
		}
		fill := func(*draft.Draft) (*draft.Draft, error) { return &draft.Draft{Images: []draft.Image{{Name: "x"}}}, nil }
		if err := s.Update(context.Background(), named, fill); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(filepath.Join(s.Dir, "*.json"))
		if err := os.WriteFile(files[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = s.Lists()
		got, err := s.Read(context.Background(), named)
		if err != nil {
			return
		}
		_, _ = got.Descriptors(), got.Duplicates()
		for _, image := range got.Images {
			for _, child := range image.Children {
				if child.Descriptor.Size < 0 || !strings.Contains(child.Descriptor.Digest.String(), ":") {
					t.Errorf("it is read: %+v", child.Descriptor)
				}
			}
		}
	})
}

func mustParse(t *testing.T, text string) reference.Named {
	t.Helper()
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		t.Fatal(err)
	}
	return named
}
