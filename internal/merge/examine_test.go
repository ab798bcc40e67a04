package merge_test

import (
	"context"
	"errors"
	"testing"

	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// asked returns an Examine that records the platforms of its calls, and reads a layer of each.
func asked(t *testing.T, names *[]string, err error) func(context.Context, []tree.Image, content.Fetcher) error {
	return func(ctx context.Context, images []tree.Image, blobs content.Fetcher) error {
		for _, img := range images {
			*names = append(*names, platform.Format(*img.Descriptor.Platform))
			if _, err := content.FetchAll(ctx, blobs, img.Manifest.Layers[0]); err != nil {
				t.Errorf("a layer: %v", err)
			}
		}
		return err
	}
}

func TestRefusedImagesMoveNoTagAndAreNotUploaded(t *testing.T) {
	w := newFixture(t)
	w.index("app", "amd", w.image("app", "linux/amd64", "a", manifest.OCI))
	w.index("other", "arm", w.image("other", "linux/arm64", "b", manifest.Docker))
	no := errors.New("no")
	for name, req := range map[string]merge.Request{
		"tags": one(w.name("app:1")), "a dry run": {DryRun: true}, "onto": {Onto: w.name("app:1")},
	} {
		var names []string
		req.Examine = asked(t, &names, no)
		res, err := w.merge(req, "HOST/app:amd", "HOST/other:arm")
		if !errors.Is(err, no) || len(res.Images) > 0 {
			t.Errorf("%s: %v, %d images", name, err, len(res.Images))
		}
		equal(t, name, []string{"linux/amd64", "linux/arm64"}, names)
	}
	equal(t, "the writes", []string(nil), w.writes())
}

func TestImagesThatTheTagHasAreNotExamined(t *testing.T) {
	w := newFixture(t)
	w.index("app", "1", w.image("app", "linux/amd64", "old", manifest.OCI), w.image("app", "linux/arm64", "old", manifest.OCI))
	w.index("app", "new", w.image("app", "linux/arm64", "new", manifest.OCI))
	var names []string
	if _, err := w.merge(merge.Request{Onto: w.name("app:1"), Examine: asked(t, &names, nil)}, "HOST/app:new"); err != nil {
		t.Fatal(err)
	}
	equal(t, "examined", []string{"linux/arm64"}, names)
}
