package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/verify"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageStore keeps a test's images.
type imageStore struct {
	*memory.Store
	t     *testing.T
	mu    sync.Mutex
	lost  map[digest.Digest]error
	sizes map[digest.Digest]int64
	asked map[digest.Digest]int
	real  map[digest.Digest]ocispecs.Descriptor
}

func newShelf(t *testing.T) *imageStore {
	return &imageStore{Store: memory.New(), t: t, lost: map[digest.Digest]error{}, sizes: map[digest.Digest]int64{}, asked: map[digest.Digest]int{}, real: map[digest.Digest]ocispecs.Descriptor{}}
}

func (s *imageStore) ask(desc ocispecs.Descriptor) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[desc.Digest]++
	return s.lost[desc.Digest]
}

func (s *imageStore) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if err := s.ask(desc); err != nil {
		return nil, err
	}
	if stored, ok := s.real[desc.Digest]; ok { // the store checks the size as well
		desc = stored
	}
	return s.Store.Fetch(ctx, desc)
}

func (s *imageStore) Stat(ctx context.Context, desc ocispecs.Descriptor) (int64, error) {
	if err := s.ask(desc); err != nil {
		return 0, err
	}
	stored, ok := s.real[desc.Digest]
	if there, err := s.Exists(ctx, stored); !ok || !there {
		return 0, errors.Join(errdef.ErrNotFound, err)
	}
	if n, ok := s.sizes[desc.Digest]; ok {
		return n, nil
	}
	return stored.Size, nil
}

func (s *imageStore) put(mediaType string, v any) ocispecs.Descriptor {
	s.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	desc := content.NewDescriptorFromBytes(mediaType, body)
	s.real[desc.Digest] = desc
	if ok, _ := s.Exists(s.t.Context(), desc); !ok {
		if err := s.Push(s.t.Context(), desc, bytes.NewReader(body)); err != nil {
			s.t.Fatal(err)
		}
	}
	return desc
}

// parts are the parts of an image.
type parts struct {
	m      ocispecs.Manifest
	config ocispecs.Image
	entry  ocispecs.Descriptor
}

// image returns an index's entry for a platform, with a layer that all images share, and one of its own.
func (s *imageStore) image(name string, change func(*parts)) parts {
	s.t.Helper()
	ps, _, err := platform.Parse(name)
	if err != nil {
		s.t.Fatal(err)
	}
	var p parts
	p.config = ocispecs.Image{Platform: ps[0], RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{"a", "b"}}}
	p.m = ocispecs.Manifest{MediaType: ocispecs.MediaTypeImageManifest, Layers: []ocispecs.Descriptor{
		s.put(ocispecs.MediaTypeImageLayerGzip, "shared"), s.put(ocispecs.MediaTypeImageLayerGzip, "of "+name),
	}}
	if change != nil {
		change(&p)
	}
	p.m.Config = s.put(ocispecs.MediaTypeImageConfig, p.config)
	entry := s.put(ocispecs.MediaTypeImageManifest, p.m)
	entry.Platform = &ps[0]
	p.entry = entry
	return p
}

func (s *imageStore) attestation(of digest.Digest) ocispecs.Descriptor {
	desc := s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Config: s.put(ocispecs.MediaTypeImageConfig, "of "+of),
		Layers: []ocispecs.Descriptor{s.put("application/vnd.in-toto+json", "about "+of)},
	})
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.String()}
	return desc
}

func (s *imageStore) index(entries ...ocispecs.Descriptor) ocispecs.Descriptor {
	return s.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{MediaType: ocispecs.MediaTypeImageIndex, Manifests: entries})
}

// found runs a check and returns its findings as "check platform".
func (s *imageStore) found(root ocispecs.Descriptor, expect ...string) []string {
	s.t.Helper()
	req := verify.Request{Root: root, Source: s}
	if len(expect) > 0 {
		req.Expect, _, _ = platform.Parse(expect...)
	}
	result, err := verify.Run(s.t.Context(), req)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := []string{}
	for _, f := range result.Findings {
		s.t.Log(f)
		lines = append(lines, fmt.Sprintf("%s %s", f.Check, f.Platform()))
	}
	return lines
}

func TestAWholeImageHasNoFindingsAndEverythingIsAskedForOnce(t *testing.T) {
	s := newShelf(t)
	amd, arm := s.image("linux/amd64", nil), s.image("linux/arm/v6", nil)
	root := s.index(arm.entry, amd.entry, s.attestation(amd.entry.Digest))
	result, err := verify.Run(t.Context(), verify.Request{Root: root, Source: s})
	if err != nil || len(result.Findings) != 0 {
		t.Fatalf("%v: %v", err, result.Findings)
	}
	// The index, two images and an attestation are manifests. The rest is configurations, a layer of each image and a shared one,
	// and a statement.
	if result.Manifests != 4 || result.Blobs != 7 || len(s.asked) != 11 {
		t.Errorf("%d manifests, %d blobs, %d asked for", result.Manifests, result.Blobs, len(s.asked))
	}
	for d, n := range s.asked {
		if n != 1 {
			t.Errorf("%s was asked for %d times", d, n)
		}
	}
}

func TestEverythingThatIsMissingIsFoundAtOnce(t *testing.T) {
	s := newShelf(t)
	amd, arm, s390 := s.image("linux/amd64", nil), s.image("linux/arm64", nil), s.image("linux/s390x", nil)
	about := s.attestation(arm.entry.Digest)
	root := s.index(amd.entry, arm.entry, s390.entry, about)
	for _, d := range []digest.Digest{amd.m.Config.Digest, amd.m.Layers[1].Digest, s390.entry.Digest, about.Digest} {
		s.lost[d] = errdef.ErrNotFound
	}
	want := []string{"missing linux/amd64", "missing linux/amd64", "missing linux/arm64", "missing linux/s390x", "expect linux/s390x"}
	if diff := cmp.Diff(want, s.found(root, "linux/amd64,linux/arm64/v8,linux/s390x")); diff != "" {
		t.Error(diff)
	}
	s.lost[root.Digest] = errdef.ErrNotFound
	if diff := cmp.Diff([]string{"missing "}, s.found(root)); diff != "" {
		t.Error(diff)
	}
}

func TestALayerOfSeveralPlatformsIsMissingInEach(t *testing.T) {
	s := newShelf(t)
	amd := s.image("linux/amd64", nil)
	root := s.index(s.image("linux/arm64", nil).entry, amd.entry)
	shared := amd.m.Layers[0].Digest
	s.lost[shared] = errdef.ErrNotFound
	if diff := cmp.Diff([]string{"missing linux/amd64", "missing linux/arm64"}, s.found(root)); diff != "" || s.asked[shared] != 1 {
		t.Errorf("asked %d times %s", s.asked[shared], diff)
	}
}

func TestDescriptorsThatSaySomethingElseAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*imageStore) ocispecs.Descriptor
		want []string
	}{
		"a layer of another size": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/amd64", nil)
			s.sizes[p.m.Layers[0].Digest] = 1
			return s.index(p.entry)
		}, []string{"size linux/amd64"}},
		"a manifest of another size": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/amd64", nil)
			p.entry.Size++
			return s.index(p.entry)
		}, []string{"size linux/amd64"}},
		"a manifest that is none": {func(s *imageStore) ocispecs.Descriptor {
			p := s.put("text/plain", "no manifest")
			p.MediaType, p.Platform = ocispecs.MediaTypeImageManifest, &ocispecs.Platform{OS: "linux", Architecture: "amd64"}
			return s.index(p)
		}, []string{"broken linux/amd64"}},
		"an arm image listed as amd64": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/arm64", nil)
			p.entry.Platform.Architecture = "amd64"
			return s.index(p.entry)
		}, []string{"platform linux/amd64"}},
		"an architecture that clients do not know": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/amd64", nil)
			p.entry.Platform.Architecture = "x86_64"
			return s.index(p.entry)
		}, []string{"platform linux/amd64"}},
		"a variant that the index leaves out": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/arm/v6", nil)
			p.entry.Platform.Variant = ""
			return s.index(p.entry)
		}, []string{"platform linux/arm/v6"}},
		"variants that mean the same": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/arm64", func(p *parts) { p.config.Variant = "v8" })
			q := s.image("linux/arm", func(p *parts) { p.config.Variant = "" })
			return s.index(p.entry, q.entry)
		}, []string{}},
		"an entry without a platform": {func(s *imageStore) ocispecs.Descriptor {
			p := s.image("linux/amd64", nil)
			p.entry.Platform = nil
			return s.index(p.entry)
		}, []string{"platform linux/amd64"}},
		"a configuration with fewer layers": {func(s *imageStore) ocispecs.Descriptor {
			return s.index(s.image("linux/amd64", func(p *parts) { p.config.RootFS.DiffIDs = nil }).entry)
		}, []string{"layers linux/amd64"}},
		"two images for one platform": {func(s *imageStore) ocispecs.Descriptor {
			p, q := s.image("linux/arm64", nil), s.image("linux/arm64", func(p *parts) { p.config.Author = "else" })
			q.entry.Platform.Variant = "v8"
			return s.index(p.entry, q.entry)
		}, []string{"duplicate linux/arm64"}},
		"an OCI image in a Docker list": {func(s *imageStore) ocispecs.Descriptor {
			return s.put(manifest.MediaTypeDockerList, ocispecs.Index{MediaType: manifest.MediaTypeDockerList, Manifests: []ocispecs.Descriptor{s.image("linux/amd64", nil).entry}})
		}, []string{"media-type linux/amd64"}},
		"an attestation about nothing": {func(s *imageStore) ocispecs.Descriptor {
			return s.index(s.image("linux/amd64", nil).entry, s.attestation(digest.FromString("gone")))
		}, []string{"attestation "}},
		"no image": {func(s *imageStore) ocispecs.Descriptor { return s.index() }, []string{"missing "}},
		"a layer that is nobody's to pass on": {func(s *imageStore) ocispecs.Descriptor {
			return s.index(s.image("windows/amd64", func(p *parts) {
				p.m.Layers[0] = ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString("foreign"), URLs: []string{"https://example.com"}}
			}).entry)
		}, []string{}},
		"an artifact without its files": {func(s *imageStore) ocispecs.Descriptor {
			return s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
				ArtifactType: "application/vnd.example", Config: s.put(ocispecs.MediaTypeEmptyJSON, struct{}{}),
				Layers: []ocispecs.Descriptor{{MediaType: "application/octet-stream", Digest: digest.FromString("file"), Size: 4}},
			})
		}, []string{"missing "}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			if diff := cmp.Diff(c.want, s.found(c.make(s))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlatformsThatAreMissingOrTooManyAreFound(t *testing.T) {
	s := newShelf(t)
	root := s.index(s.image("linux/amd64", nil).entry, s.image("linux/arm64", nil).entry)
	if diff := cmp.Diff([]string{"expect linux/arm64", "expect linux/s390x"}, s.found(root, "x86_64,s390x")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{}, s.found(root, "aarch64,amd64")); diff != "" {
		t.Error(diff)
	}
}

func TestARegistryThatCannotBeAskedIsAnErrorAndNoFinding(t *testing.T) {
	s := newShelf(t)
	p := s.image("linux/amd64", nil)
	root := s.index(p.entry)
	for _, d := range []digest.Digest{p.entry.Digest, p.m.Config.Digest, p.m.Layers[0].Digest} {
		s.lost = map[digest.Digest]error{d: &manifest.Error{Kind: manifest.ErrUnreachable, Status: 503, Err: errors.New("busy")}}
		if _, err := verify.Run(t.Context(), verify.Request{Root: root, Source: s}); !errors.Is(err, manifest.ErrUnreachable) {
			t.Errorf("%s: %v", d, err)
		}
	}
	s.lost = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.Run(ctx, verify.Request{Root: root, Source: s}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

func TestARootThatCannotBeReadIsNeverWhole(t *testing.T) {
	for name, damage := range map[string]func(*imageStore, *ocispecs.Descriptor){
		"missing":      func(s *imageStore, root *ocispecs.Descriptor) { s.lost[root.Digest] = errdef.ErrNotFound },
		"changed":      func(s *imageStore, root *ocispecs.Descriptor) { s.lost[root.Digest] = content.ErrMismatchedDigest },
		"another size": func(_ *imageStore, root *ocispecs.Descriptor) { root.Size++ },
		"unknown":      func(_ *imageStore, root *ocispecs.Descriptor) { root.MediaType = "application/x-other" },
	} {
		s := newShelf(t)
		root := s.index(s.image("linux/amd64", nil).entry)
		damage(s, &root)
		result, err := verify.Run(t.Context(), verify.Request{Root: root, Source: s, Expect: []platform.Platform{{OS: "linux", Architecture: "amd64"}}})
		if err != nil || result.OK() || len(result.Findings) != 1 || result.Findings[0].Severity == "" {
			t.Errorf("%s: %t, %v, %v", name, result.OK(), err, result.Findings)
		}
	}
}
