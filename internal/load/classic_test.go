package load_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAClassicStoreGetsTheOtherPlatformsUnderNamesOfTheirOwn(t *testing.T) {
	w := newWorld(t, false)
	loaded := w.load(w.request(w.app("1"), "app:v1", "localhost:5000/app"))
	var names []string
	for _, l := range loaded {
		names = append(names, l.Name+" "+platform.Format(l.Platform))
		w.equal(w.fake.Images[l.Name], l.ID.String())
	}
	w.equal(names, []string{
		"app:v1 linux/amd64", "app:v1-linux-arm-v7 linux/arm/v7", "app:v1-linux-arm64 linux/arm64",
		"localhost:5000/app:latest linux/amd64", "localhost:5000/app:latest-linux-arm-v7 linux/arm/v7", "localhost:5000/app:latest-linux-arm64 linux/arm64",
	})
	w.equal(w.notes, []string{
		"the engine's image store holds one platform a name: app:v1 is linux/amd64, the others are app:v1-linux-arm-v7, app:v1-linux-arm64",
	})
	w.equal(len(w.fake.Store.Loads), 1)
	w.equal(w.sent(0), []string{"amd 1", "arm 1", "arm base", "arm64 1", "base"})
}

func TestAClassicStoreGetsOnlyTheLayersThatItDoesNotHave(t *testing.T) {
	w := newWorld(t, false)
	w.load(w.request(w.app("1"), "app"))
	for _, l := range w.load(w.request(w.app("1"), "app")) {
		w.equal(l.Already, true)
	}
	w.equal(len(w.fake.Store.Loads), 1)
	w.load(w.request(w.app("2"), "app"))
	w.equal(w.sent(1), []string{"amd 2", "arm 2", "arm64 2"})
	w.load(w.request(w.app("2"), "other"))
	w.equal(len(w.fake.Store.Loads), 2)
	w.equal(w.fake.Images["other:latest-linux-arm64"], w.fake.Images["app:latest-linux-arm64"])
}

func TestLayersOfImagesWithOtherNamesAreFound(t *testing.T) {
	w := newWorld(t, false)
	w.fake.Store.Layers = map[string][]digest.Digest{digest.FromString("x").String(): {digest.FromString("base"), digest.FromString("other")}}
	w.load(w.request(w.image("linux/amd64", "base", "amd 1"), "app"))
	w.equal(w.sent(0), []string{"amd 1"})
}

func TestASingleImageOfAnyPlatformGetsTheName(t *testing.T) {
	w := newWorld(t, false)
	req := w.request(w.app("1"), "app")
	req.Selection.Platforms = parse(t, "linux/arm64")
	w.equal(w.load(req)[0].Name, "app:latest")
	w.equal(w.sent(0), []string{"arm64 1", "base"})
	w.equal(len(w.notes), 0)
	alone := w.image("linux/s390x", "base")
	alone.Platform = nil // as a tag names it
	w.equal(platform.Format(w.load(w.request(alone, "alone"))[0].Platform), "linux/s390x")
}

func TestNoneOfSeveralForeignPlatformsGetsTheName(t *testing.T) {
	w := newWorld(t, false)
	req := w.request(w.app("1"), "app")
	req.Selection.Platforms = parse(t, "linux/arm64,linux/arm/v7")
	w.load(req)
	if w.fake.Images["app:latest"] != "" {
		t.Error("the name was moved")
	}
	w.equal(w.notes, []string{"the engine's image store holds one platform a name: app:latest-linux-arm-v7, app:latest-linux-arm64"})
}

func TestLayersThatTheEngineMissesAfterAllAreSent(t *testing.T) {
	w := newWorld(t, false)
	w.load(w.request(w.app("1"), "app"))
	w.fake.Store.Refuse = func([]string) error {
		if len(w.fake.Store.Loads) == 2 {
			return errors.New("open /var/lib/docker/tmp/x: no such file or directory")
		}
		return nil
	}
	w.load(w.request(w.app("2"), "app"))
	w.equal(w.sent(2), []string{"amd 2", "arm 2", "arm base", "arm64 2", "base"})
}

func TestARefusedLoadMovesNoName(t *testing.T) {
	w := newWorld(t, false)
	w.load(w.request(w.app("1"), "app"))
	before := w.fake.Images["app:latest"]
	w.fake.Store.Refuse = func([]string) error { return errors.New("no space left on device") }
	_, err := load.Load(t.Context(), w.eng, w.request(w.app("2"), "app", "new"))
	if err == nil || !strings.Contains(err.Error(), "no space left on device") || w.fake.Images["app:latest"] != before || w.fake.Images["new:latest"] != "" {
		t.Errorf("%v; %v", err, w.fake.Images)
	}
}

func TestANameThatGetsTooLongIsRefusedBeforeAnythingIsSent(t *testing.T) {
	w := newWorld(t, false)
	_, err := load.Load(t.Context(), w.eng, w.request(w.app("1"), "app:"+strings.Repeat("x", 125)))
	if err == nil || !strings.Contains(err.Error(), "linux/arm/v7") || len(w.fake.Store.Loads) != 0 {
		t.Errorf("got %v", err)
	}
}

func TestAnIndexWithoutAnImageIsRefused(t *testing.T) {
	w := newWorld(t, false)
	_, err := load.Load(t.Context(), w.eng, w.request(w.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex}), "app"))
	if err == nil || !strings.Contains(err.Error(), "no image in it") {
		t.Errorf("got %v", err)
	}
}

func TestLayersThatAnOldEngineCannotReadAreRefusedBeforeTheyAreSent(t *testing.T) {
	for version, want := range map[string]bool{"20.10.24+dfsg1": false, "23.0.0": true, "28.2.2": true, "2.0.0-beta.18": true} {
		w := newWorld(t, false)
		w.fake.Info.ServerVersion = version
		root := w.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
			MediaType: ocispecs.MediaTypeImageManifest,
			Config: w.put(ocispecs.MediaTypeImageConfig, ocispecs.Image{
				Platform: parse(t, "linux/amd64")[0], RootFS: ocispecs.RootFS{DiffIDs: []digest.Digest{digest.FromString("a layer")}},
			}),
			Layers: []ocispecs.Descriptor{w.put(ocispecs.MediaTypeImageLayerZstd, "a layer")},
		})
		_, err := load.Load(t.Context(), w.eng, w.request(root, "app"))
		if (err == nil) != want || (len(w.fake.Store.Loads) == 1) != want || err != nil && !strings.Contains(err.Error(), "compression=gzip") {
			t.Errorf("%s: %v", version, err)
		}
	}
}
