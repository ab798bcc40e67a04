package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/system"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// world is an engine and a shelf of images for it.
type world struct {
	*memory.Store
	t     *testing.T
	fake  *enginetest.Engine
	eng   *engine.Engine
	notes []string
}

func newWorld(t *testing.T, containerd bool) *world {
	t.Helper()
	w := &world{Store: memory.New(), t: t, fake: &enginetest.Engine{
		Info: system.Info{OSType: "linux", Architecture: "x86_64"}, Store: enginetest.Store{Containerd: containerd},
	}}
	if containerd {
		w.fake.Info.DriverStatus = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
	}
	w.eng = engine.New(w.fake.Start(t))
	return w
}

func (w *world) put(mediaType string, v any) ocispecs.Descriptor {
	w.t.Helper()
	body, isText := v.(string)
	if !isText {
		data, err := json.Marshal(v)
		if err != nil {
			w.t.Fatal(err)
		}
		body = string(data)
	}
	desc := content.NewDescriptorFromBytes(mediaType, []byte(body))
	if ok, _ := w.Exists(context.Background(), desc); !ok {
		if err := w.Push(context.Background(), desc, bytes.NewReader([]byte(body))); err != nil {
			w.t.Fatal(err)
		}
	}
	return desc
}

// image has layers of these texts, which are their own diff IDs.
func (w *world) image(name string, layers ...string) ocispecs.Descriptor {
	w.t.Helper()
	ps, _, err := platform.Parse(name)
	if err != nil {
		w.t.Fatal(err)
	}
	config := ocispecs.Image{Platform: ps[0], RootFS: ocispecs.RootFS{Type: "layers"}}
	m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest}
	for _, l := range layers {
		m.Layers = append(m.Layers, w.put(ocispecs.MediaTypeImageLayer, l))
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, digest.FromString(l))
	}
	m.Config = w.put(ocispecs.MediaTypeImageConfig, config)
	desc := w.put(ocispecs.MediaTypeImageManifest, m)
	desc.Platform = &ps[0]
	return desc
}

func (w *world) attestation(of ocispecs.Descriptor) ocispecs.Descriptor {
	w.t.Helper()
	desc := w.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: w.put(ocispecs.MediaTypeEmptyJSON, "{}"),
		Layers: []ocispecs.Descriptor{w.put("application/vnd.in-toto+json", "about "+of.Digest.String())},
	})
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String()}
	return desc
}

// app is an index of three platforms. The last layer of each is named version.
func (w *world) app(version string) ocispecs.Descriptor {
	w.t.Helper()
	amd, arm, arm64 := w.image("linux/amd64", "base", "amd "+version), w.image("linux/arm/v7", "arm base", "arm "+version), w.image("linux/arm64", "base", "arm64 "+version)
	return w.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex,
		Manifests: []ocispecs.Descriptor{amd, arm, arm64, w.attestation(amd), w.attestation(arm64)},
	})
}

func (w *world) request(root ocispecs.Descriptor, names ...string) load.Request {
	w.t.Helper()
	req := load.Request{Root: root, Blobs: w, Note: func(n diag.Diagnostic) { w.notes = append(w.notes, n.Shown()) }}
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			w.t.Fatal(err)
		}
		req.Names = append(req.Names, reference.TagNameOnly(named).(reference.NamedTagged))
	}
	return req
}

func (w *world) load(req load.Request) []load.Loaded {
	w.t.Helper()
	loaded, err := load.Load(w.t.Context(), w.eng, req)
	if err != nil {
		w.t.Fatal(err)
	}
	return loaded
}

// sent returns the blobs of the nth stream; layers and configurations of the shelf by their texts, others by "{".
func (w *world) sent(n int) (texts []string) {
	w.t.Helper()
	for _, name := range w.fake.Store.Loads[n] {
		hex, ok := strings.CutPrefix(name, "blobs/sha256/")
		if !ok {
			continue
		}
		for _, l := range []string{"base", "arm base", "amd 1", "arm 1", "arm64 1", "amd 2", "arm 2", "arm64 2"} {
			if digest.FromString(l).Encoded() == hex {
				texts = append(texts, l)
			}
		}
	}
	slices.Sort(texts)
	return texts
}

func (w *world) equal(got, want any) {
	w.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		w.t.Error(d)
	}
}

func parse(t *testing.T, list string) []platform.Platform {
	t.Helper()
	ps, _, err := platform.Parse(list)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

func TestCheckRefusesContentThatTheStoreCannotHold(t *testing.T) {
	for _, c := range []struct {
		containerd bool
		ps         string
		sel        load.Selection
		want       string // "" means none
	}{
		{false, "linux/amd64,linux/arm64", load.Selection{}, ""},
		{false, "linux/amd64,windows/amd64", load.Selection{}, "cannot load windows/amd64: the image store of the engine at"},
		{true, "linux/amd64,windows/amd64", load.Selection{}, ""},
		{false, "linux/amd64,windows/amd64", load.Selection{Native: true}, ""},
		{true, "linux/amd64,linux/arm64", load.Selection{Platforms: parse(t, "s390x")}, "cannot load linux/s390x: the image is for linux/amd64, linux/arm64"},
		{true, "linux/arm64", load.Selection{Native: true}, "cannot load the engine's own platform, linux/amd64: the image is for linux/arm64"},
		{true, "linux/386", load.Selection{Native: true}, ""},
	} {
		err := load.Check(t.Context(), newWorld(t, c.containerd).eng, parse(t, c.ps), c.sel)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c, err)
		}
	}
}

func TestTheEnginesOwnPlatformIsFoundByItsMachineName(t *testing.T) {
	all := parse(t, "linux/386,linux/amd64,linux/arm/v6,linux/arm/v7,linux/arm64,linux/s390x")
	for machine, want := range map[string]string{
		"x86_64": "linux/amd64", "aarch64": "linux/arm64", "armv7l": "linux/arm/v7", "armv6l": "linux/arm/v6", "i686": "linux/386", "s390x": "linux/s390x",
	} {
		t.Run(machine, func(t *testing.T) {
			w := newWorld(t, false)
			w.fake.Info.Architecture = machine
			var children []ocispecs.Descriptor
			for _, p := range all {
				children = append(children, w.image(platform.Format(p), platform.Format(p)))
			}
			req := w.request(w.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: children}), "app")
			req.Selection.Native = true
			w.equal(platform.Format(w.load(req)[0].Platform), want)
		})
	}
}

func TestContentLostDuringALoadEndsItAndMovesNoName(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		req := w.request(w.app("1"), "app")
		req.Blobs = failing{w.Store, digest.FromString("arm64 1")}
		_, err := load.Load(t.Context(), w.eng, req)
		if err == nil || !strings.Contains(err.Error(), "the registry is gone") || len(w.fake.Images) != 0 {
			t.Errorf("containerd %t: %v; %v", containerd, err, w.fake.Images)
		}
	}
}

// failing has all blobs but one.
type failing struct {
	*memory.Store
	without digest.Digest
}

func (f failing) Fetch(ctx context.Context, d ocispecs.Descriptor) (io.ReadCloser, error) {
	if d.Digest == f.without {
		return nil, errors.New("the registry is gone")
	}
	return f.Store.Fetch(ctx, d)
}

func TestAStagedImageHasNoNameUntilItIsPlaced(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		w := newWorld(t, containerd)
		before := w.load(w.request(w.app("1"), "app"))
		staged, err := load.Stage(t.Context(), w.eng, w.request(w.app("2"), "app"))
		if err != nil {
			t.Fatal(err)
		}
		w.equal(w.fake.Images["app:latest"], before[0].ID.String())
		after, err := staged.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w.equal(w.fake.Images["app:latest"], after[0].ID.String())
		w.equal(after[0].ID == before[0].ID, false)
	}
}

func TestAnErrorBetweenTwoNamesListsTheWrittenNames(t *testing.T) {
	w := newWorld(t, true)
	w.fake.Tag = func(ref string) error {
		if strings.HasSuffix(ref, ":second") {
			return errors.New("the disk is full")
		}
		return nil
	}
	staged, err := load.Stage(t.Context(), w.eng, w.request(w.app("1"), "app:first", "app:second"))
	if err != nil {
		t.Fatal(err)
	}
	done, err := staged.Commit(t.Context())
	if err == nil || len(done) != 1 || done[0].Name != "app:first" {
		t.Errorf("got %+v, %v", done, err)
	}
}
