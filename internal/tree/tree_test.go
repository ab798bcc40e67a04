package tree_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageStore has a test's images, and counts concurrent reads.
type imageStore struct {
	*memory.Store
	t       *testing.T
	mu      sync.Mutex
	reading int
	most    int
	gate    chan struct{} // if not nil, every reader waits for it
	lost    map[string]bool
}

func newShelf(t *testing.T) *imageStore {
	return &imageStore{Store: memory.New(), t: t, lost: map[string]bool{}}
}

func (s *imageStore) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	s.mu.Lock()
	s.reading++
	s.most = max(s.most, s.reading)
	if s.gate != nil && s.reading == 8 {
		close(s.gate)
		s.gate = nil
	}
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	defer func() { s.mu.Lock(); s.reading--; s.mu.Unlock() }()
	if s.lost[desc.Digest.String()] {
		return nil, errdef.ErrNotFound
	}
	return s.Store.Fetch(ctx, desc)
}

func (s *imageStore) put(mediaType string, v any) ocispecs.Descriptor {
	s.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	desc := content.NewDescriptorFromBytes(mediaType, body)
	if ok, _ := s.Exists(s.t.Context(), desc); !ok {
		if err := s.Push(s.t.Context(), desc, bytes.NewReader(body)); err != nil {
			s.t.Fatal(err)
		}
	}
	return desc
}

// image is an entry for a platform, with a matching configuration.
func (s *imageStore) image(name string) ocispecs.Descriptor {
	s.t.Helper()
	ps, _, err := platform.Parse(name)
	if err != nil {
		s.t.Fatal(err)
	}
	desc := s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest,
		Config:    s.put(ocispecs.MediaTypeImageConfig, ocispecs.Image{Platform: ps[0]}),
		Layers:    []ocispecs.Descriptor{{MediaType: ocispecs.MediaTypeImageLayerGzip, Size: 100}},
	})
	desc.Platform = &ps[0]
	return desc
}

func (s *imageStore) attestation(of ocispecs.Descriptor) ocispecs.Descriptor {
	desc := s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Config: s.put(ocispecs.MediaTypeImageConfig, of.Digest),
		Layers: []ocispecs.Descriptor{{
			MediaType: "application/vnd.in-toto+json", Annotations: map[string]string{"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
		}},
	})
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String()}
	return desc
}

func (s *imageStore) index(entries ...ocispecs.Descriptor) ocispecs.Descriptor {
	return s.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: entries})
}

func platforms(t tree.Tree) (names []string) {
	for _, img := range t.Images {
		names = append(names, platform.Format(*img.Descriptor.Platform))
	}
	return names
}

func TestImagesComeInCanonicalOrderWithTheirAttestations(t *testing.T) {
	s := newShelf(t)
	arm, amd := s.image("linux/arm64"), s.image("linux/amd64")
	chart := s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{Config: ocispecs.Descriptor{MediaType: "application/vnd.cncf.helm.config.v1+json"}})
	root := s.index(s.attestation(arm), arm, chart, amd)
	got, err := tree.Read(t.Context(), root, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms(got)); diff != "" {
		t.Error(diff)
	}
	if n := len(got.Images[1].Attestations); n != 1 || len(got.Images[0].Attestations) != 0 {
		t.Fatalf("%d attestations of arm64, %d of amd64", n, len(got.Images[0].Attestations))
	}
	if diff := cmp.Diff([]string{"https://slsa.dev/provenance/v1"}, got.Images[1].Attestations[0].Predicates()); diff != "" {
		t.Error(diff)
	}
	if len(got.Others) != 1 || got.Others[0].Digest != chart.Digest || got.Others[0].ArtifactType != "application/vnd.cncf.helm.config.v1+json" {
		t.Errorf("others: %+v", got.Others)
	}
	if content.NewDescriptorFromBytes("", got.Body).Digest != root.Digest || got.Images[0].Size() != 100+got.Images[0].Manifest.Config.Size {
		t.Errorf("body of %d bytes, image of %d", len(got.Body), got.Images[0].Size())
	}
}

func TestAnIndexInAnIndexIsFlattened(t *testing.T) {
	s := newShelf(t)
	arm := s.image("linux/arm64")
	got, err := tree.Read(t.Context(), s.index(s.image("linux/s390x"), s.index(arm, s.attestation(arm))), s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/arm64", "linux/s390x"}, platforms(got)); diff != "" || len(got.Images[0].Attestations) != 1 {
		t.Errorf("%d attestations %s", len(got.Images[0].Attestations), diff)
	}
}

func TestASingleManifestIsATreeOfOneImage(t *testing.T) {
	s := newShelf(t)
	img := s.image("linux/arm/v6")
	img.Platform = nil
	got, err := tree.Read(t.Context(), img, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"linux/arm/v6"}, platforms(got)); diff != "" || got.Images[0].Entry != nil {
		t.Errorf("entry %v %s", got.Images[0].Entry, diff)
	}
}

func TestAPlatformIsCompletedFromTheConfiguration(t *testing.T) {
	for _, c := range []struct{ entry, config, want string }{
		{"linux/arm", "linux/arm/v6", "linux/arm/v6"},
		{"linux/amd64", "linux/arm/v6", "linux/amd64"}, // a contradiction adds nothing
		{"windows/amd64", "windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"},
	} {
		s := newShelf(t)
		img := s.image(c.config)
		parts := strings.Split(c.entry, "/")
		img.Platform = &ocispecs.Platform{OS: parts[0], Architecture: parts[1]}
		got, err := tree.Read(t.Context(), s.index(img), s)
		if err != nil {
			t.Fatal(err)
		}
		if p := platform.Format(*got.Images[0].Descriptor.Platform); p != c.want || got.Images[0].Entry.Variant != "" {
			t.Errorf("%s with %s: %s, entry %v", c.entry, c.config, p, got.Images[0].Entry)
		}
	}
}

func TestAnAttestationAboutNothingThatIsThereIsSomethingElse(t *testing.T) {
	s := newShelf(t)
	stray := s.attestation(s.image("linux/s390x"))
	got, err := tree.Read(t.Context(), s.index(s.image("linux/amd64"), stray), s)
	if err != nil || len(got.Images) != 1 || len(got.Others) != 1 || got.Others[0].Digest != stray.Digest {
		t.Errorf("%v: %d images, others %+v", err, len(got.Images), got.Others)
	}
}

func TestMissingContentIsAnErrorOfReadAndAProblemOfExamine(t *testing.T) {
	s := newShelf(t)
	arm, amd, riscv := s.image("linux/arm64"), s.image("linux/amd64"), s.image("linux/riscv64")
	inner := s.index(riscv)
	root := s.index(inner, arm, amd)
	whole, err := tree.Read(t.Context(), root, s)
	if err != nil {
		t.Fatal(err)
	}
	config := whole.Images[0].Manifest.Config
	s.lost = map[string]bool{arm.Digest.String(): true, config.Digest.String(): true, inner.Digest.String(): true}
	if _, err := tree.Read(t.Context(), root, s); !errors.Is(err, errdef.ErrNotFound) || !errors.As(err, new(tree.Problem)) {
		t.Errorf("Read: %v", err)
	}
	got, problems, err := tree.Examine(t.Context(), root, s)
	if err != nil {
		t.Fatal(err)
	}
	var lost []string
	for _, p := range problems {
		lost = append(lost, p.Descriptor.Digest.String())
	}
	if diff := cmp.Diff([]string{inner.Digest.String(), arm.Digest.String(), config.Digest.String()}, lost); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms(got)); diff != "" {
		t.Error(diff)
	}
	if got.Images[0].ConfigBody != nil || got.Images[0].Body == nil || got.Images[1].Body != nil {
		t.Error("what was not read is there")
	}
}

func TestManifestsOfArtifactsAreRefused(t *testing.T) {
	s := newShelf(t)
	garbage := s.put("text/plain", "no index")
	garbage.MediaType = ocispecs.MediaTypeImageIndex
	for _, root := range []ocispecs.Descriptor{
		s.put(ocispecs.MediaTypeImageConfig, "a configuration"),
		garbage,
		{MediaType: ocispecs.MediaTypeImageIndex, Digest: "sha256:../../etc/passwd", Size: 1},
		{MediaType: ocispecs.MediaTypeImageIndex, Digest: s.index().Digest, Size: 5 << 20},
	} {
		if _, _, err := tree.Examine(t.Context(), root, s); !errors.As(err, new(tree.Problem)) {
			t.Errorf("%s: %v", root.MediaType, err)
		}
	}
}

func TestManyImagesAreReadAtTheSameTimeButNotAllAtOnce(t *testing.T) {
	s := newShelf(t)
	var entries []ocispecs.Descriptor
	for _, name := range platform.Known() {
		entries = append(entries, s.image(name))
	}
	root := s.index(entries...)
	body, err := content.FetchAll(t.Context(), s.Store, root)
	if err != nil {
		t.Fatal(err)
	}
	s.gate = make(chan struct{})
	got, err := tree.Read(t.Context(), root, rootFirst{s, body, root})
	if err != nil || len(got.Images) != len(entries) || s.most != 8 {
		t.Errorf("%v: %d images of %d, %d at a time", err, len(got.Images), len(entries), s.most)
	}
}

// rootFirst serves the root without the shelf's gate.
type rootFirst struct {
	*imageStore
	body []byte
	root ocispecs.Descriptor
}

func (r rootFirst) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.Digest == r.root.Digest {
		return io.NopCloser(bytes.NewReader(r.body)), nil
	}
	return r.imageStore.Fetch(ctx, desc)
}
