package merge_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/merge"
)

// FuzzMetadata reads a build's metadata file with any content, together with a valid one.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"containerimage.digest":"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","image.name":"app,other.example/app:1","multiarch":{"byDigest":["x"],"source":{"revision":"1"}}}`))
	f.Add([]byte(`{"containerimage.digest":"x","image.name":",","multiarch":{"tags":[7]}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		name, other := filepath.Join(dir, "a.json"), metadata(t, filepath.Join(dir, "b.json"), "app", "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if words, err := merge.Parse(t.Context(), []string{name, other}); err == nil && len(words) != 2 {
			t.Errorf("it has %d words", len(words))
		}
	})
}
