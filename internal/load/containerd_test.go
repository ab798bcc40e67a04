package load_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/image"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
)

func TestAContainerdStoreGetsTheWholeIndexUnderEachName(t *testing.T) {
	w := newWorld(t, true)
	root := w.app("1")
	loaded := w.load(w.request(root, "app:v1", "localhost:5000/app:v2"))
	w.equal(loaded, []load.Loaded{{Name: "app:v1", ID: root.Digest}, {Name: "localhost:5000/app:v2", ID: root.Digest}})
	w.equal(w.fake.Images, map[string]string{"app:v1": root.Digest.String(), "localhost:5000/app:v2": root.Digest.String()})
	w.equal(w.sent(0), []string{"amd 1", "arm 1", "arm base", "arm64 1", "base"})
	// 1 index, 5 manifests, 3 + 1 configurations, 5 layers, 2 statements, and the layout's own files
	w.equal(len(w.fake.Store.Loads[0]), 1+5+4+5+2+2)
}

func TestAContainerdStoreGetsOnlyMissingContent(t *testing.T) {
	w := newWorld(t, true)
	w.load(w.request(w.app("1"), "app"))
	loaded := w.load(w.request(w.app("1"), "app"))
	w.equal(loaded[0].Already, true)
	w.equal(len(w.fake.Store.Loads), 1)
	w.load(w.request(w.app("2"), "app"))
	w.equal(w.sent(1), []string{"amd 2", "arm 2", "arm64 2"})
	w.load(w.request(w.app("2"), "other"))
	w.equal(len(w.fake.Store.Loads), 2)
	w.equal(w.fake.Images["other:latest"], w.fake.Images["app:latest"])
}

func TestASelectionSendsItsPlatformsAndTheSameIndex(t *testing.T) {
	w := newWorld(t, true)
	root := w.app("1")
	req := w.request(root, "app")
	req.Selection.Platforms = parse(t, "linux/arm64")
	w.equal(w.load(req)[0].ID, root.Digest)
	w.equal(w.sent(0), []string{"arm64 1", "base"})
	// index, manifest, configuration, 2 layers, an attestation with 2 blobs, and the layout's own files
	w.equal(len(w.fake.Store.Loads[0]), 1+1+1+2+3+2)
	w.equal(w.load(req)[0].Already, true)
	req.Selection = load.Selection{Native: true}
	w.equal(w.load(req)[0].Already, false)
	w.equal(w.sent(1), []string{"amd 1"})
}

// Documents of a build history are shown by an engine, but an image of one that only the history has cannot be used.
func TestDocumentsOfTheBuildHistoryAreSent(t *testing.T) {
	w := newWorld(t, true)
	manifest := w.image("linux/amd64", "base", "amd 1")
	graph, err := layout.Read(t.Context(), manifest, w)
	if err != nil {
		t.Fatal(err)
	}
	w.fake.Store.Blobs = map[digest.Digest]bool{digest.FromString("base"): true, digest.FromString("amd 1"): true}
	w.fake.Store.History = map[digest.Digest]bool{manifest.Digest: true, graph.Nodes[0].Config.Digest: true}
	w.load(w.request(manifest, "app"))
	w.equal(w.fake.Images, map[string]string{"app:latest": manifest.Digest.String()})
	w.equal(w.fake.Store.Loads[0], []string{
		"oci-layout", "index.json", "blobs/sha256/" + manifest.Digest.Encoded(), "blobs/sha256/" + graph.Nodes[0].Config.Digest.Encoded(),
	})
}

func TestAPlatformThatOnlyTheBuildHistoryHasIsSent(t *testing.T) {
	w := newWorld(t, true)
	root := w.app("1")
	graph, err := layout.Read(t.Context(), root, w)
	if err != nil {
		t.Fatal(err)
	}
	arm64 := graph.Nodes[3].Descriptor
	w.fake.Store.Manifests = map[string][]image.ManifestSummary{root.Digest.String(): {
		{Kind: image.ManifestKindImage, Descriptor: arm64, ImageData: &image.ImageProperties{Platform: *arm64.Platform}},
	}}
	w.eng = engine.New(w.fake.Start(t))
	req := w.request(root, "app")
	req.Selection = load.Selection{Native: true}
	w.load(req)
	w.fake.Store.History = map[digest.Digest]bool{}
	for _, blob := range graph.Blobs {
		w.fake.Store.Blobs[blob.Digest] = true
	}
	for _, node := range graph.Nodes {
		w.fake.Store.History[node.Descriptor.Digest] = true
	}
	w.equal(w.load(req)[0].Already, true)
	req.Selection.Platforms = parse(t, "linux/arm64")
	w.equal(w.load(req)[0].Already, false)
	w.equal(slices.Contains(w.fake.Store.Loads[1], "blobs/sha256/"+arm64.Digest.Encoded()), true)
	w.equal(w.sent(1), []string(nil))
}

func TestAnImageWithoutANameIsLoadedOnce(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		manifest := w.image("linux/amd64", "base")
		w.equal(w.load(w.request(manifest))[0].Already, false)
		w.equal(w.load(w.request(manifest))[0].Already, true)
		w.equal(len(w.fake.Store.Loads), 1)
	}
}

func TestAnEngineThatDoesNotShowItsContentGetsEverything(t *testing.T) {
	w := newWorld(t, true)
	w.fake.Store.Hidden = true
	w.load(w.request(w.app("1"), "app"))
	w.load(w.request(w.app("2"), "app"))
	w.equal(w.sent(1), []string{"amd 2", "arm 2", "arm base", "arm64 2", "base"})
}

func TestContentThatTheEngineLosesIsSent(t *testing.T) {
	w := newWorld(t, true)
	w.load(w.request(w.app("1"), "app"))
	w.fake.Store.Refuse = func([]string) error {
		if len(w.fake.Store.Loads) == 2 {
			delete(w.fake.Store.Blobs, digest.FromString("base")) // its garbage collector was faster
		}
		return nil
	}
	w.load(w.request(w.app("2"), "app"))
	w.equal(w.sent(2), []string{"amd 2", "arm 2", "arm base", "arm64 2", "base"})
}

func TestAnEngineThatRefusesTwiceIsQuotedTwice(t *testing.T) {
	w := newWorld(t, true)
	w.load(w.request(w.app("1"), "app"))
	w.fake.Store.Refuse = func([]string) error { return errors.New("something is missing") }
	_, err := load.Load(t.Context(), w.eng, w.request(w.app("2"), "app"))
	if err == nil || strings.Count(err.Error(), "something is missing") != 2 || len(w.fake.Store.Loads) != 3 {
		t.Errorf("%d streams: %v", len(w.fake.Store.Loads), err)
	}
}

func TestWhatMoreContentCannotMendIsTriedOnce(t *testing.T) {
	for what, spoil := range map[string]func(w *world, req *load.Request){
		"no space left on device": func(w *world, _ *load.Request) {
			w.fake.Store.Refuse = func([]string) error { return errors.New("no space left on device") }
		},
		"the registry is gone": func(w *world, req *load.Request) { req.Blobs = failing{w.Store, digest.FromString("arm64 2")} },
	} {
		w := newWorld(t, true)
		w.load(w.request(w.app("1"), "app"))
		req := w.request(w.app("2"), "app")
		spoil(w, &req)
		if _, err := load.Load(t.Context(), w.eng, req); err == nil || strings.Count(err.Error(), what) != 1 || strings.Contains(err.Error(), "the first attempt") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnEngineThatTakesWholeIndexesOnlyGetsAWholeOne(t *testing.T) {
	w := newWorld(t, true)
	w.fake.Store.Refuse = func(files []string) error {
		if !slices.Contains(files, "blobs/sha256/"+digest.FromString("arm base").Encoded()) {
			return errors.New("content digest: not found")
		}
		return nil
	}
	req := w.request(w.app("1"), "app")
	req.Selection.Platforms = parse(t, "linux/arm64")
	w.load(req)
	w.equal(w.sent(1), []string{"amd 1", "arm 1", "arm base", "arm64 1", "base"})
	w.equal(w.notes, []string{"this engine takes whole indexes only, so all platforms were loaded"})
}

func TestAnArtifactInAnIndexIsNoImage(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		artifact := w.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
			MediaType: ocispecs.MediaTypeImageManifest, ArtifactType: "application/vnd.example", Config: w.put(ocispecs.MediaTypeEmptyJSON, "{}"),
			Layers: []ocispecs.Descriptor{w.put("text/plain", "arm 2")},
		})
		root := w.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{
			MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{artifact, w.image("linux/arm64", "base")},
		})
		w.equal(len(w.load(w.request(root, "app"))), 1)
		w.equal(w.sent(0), map[bool][]string{false: {"base"}, true: {"arm 2", "base"}}[containerd])
	}
}
