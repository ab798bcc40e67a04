package draft_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// asked is an examiner that records the platforms of its calls, and reads a layer of each.
func (b *fixture) asked(names *[]string, err error) tree.Examiner {
	return func(ctx context.Context, images []tree.Image, blobs content.Fetcher) error {
		for _, img := range images {
			*names = append(*names, platform.Format(*img.Descriptor.Platform))
			_, err := content.FetchAll(ctx, blobs, img.Manifest.Layers[0])
			b.check(err)
		}
		return err
	}
}

func TestADraftsImagesAreExaminedAsTheListSaysBeforeAnythingIsWritten(t *testing.T) {
	b := newFixture(t)
	b.tag("other/two:1", b.attested("linux/amd64", "linux/s390x"))
	b.tag("app:arm", b.image("linux/arm", "own"))
	b.check(b.create(false, "app:1", "other/two:1", "app:arm"))
	_, err := b.annotate("app:1", "app:arm", draft.PlatformChange{Variant: "v6"})
	b.check(err)
	var names []string
	no := errors.New("no")
	if _, err := b.drafts.Prepare(t.Context(), b.client, draft.PushRequest{List: b.list("app:1"), Note: b.note, Examine: b.asked(&names, no)}); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm/v6", "linux/s390x"}, names); diff != "" {
		t.Error(diff)
	}
	if got := b.entries("app:1"); got != nil {
		t.Errorf("the tag has %q", got)
	}
}

func TestAnAnnotationCanBeSeenBeforeItIsKept(t *testing.T) {
	b := newFixture(t)
	b.tag("app:arm", b.image("linux/arm", "own"))
	b.check(b.create(false, "app:1", "app:arm"))
	entry, err := b.drafts.Annotated(t.Context(), b.list("app:1"), b.list("app:arm"), draft.PlatformChange{Variant: "v6"})
	b.check(err)
	if got := platform.Format(*entry.Descriptor.Platform); got != "linux/arm/v6" {
		t.Errorf("it would be %s", got)
	}
	d, err := b.drafts.Read(t.Context(), b.list("app:1"))
	b.check(err)
	if d.Images[0].Children[0].Annotated != nil {
		t.Error("it was kept")
	}
	var contradiction *draft.ContradictionError
	if _, err := b.drafts.Annotated(t.Context(), b.list("app:1"), b.list("app:arm"), draft.PlatformChange{Arch: "amd64"}); !errors.As(err, &contradiction) {
		t.Errorf("a contradiction: %v", err)
	}
}
