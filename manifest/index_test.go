package manifest_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func child(mediaType, content string, p *ocispecs.Platform) ocispecs.Descriptor {
	return ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromString(content), Size: int64(len(content)), Platform: p}
}

func threeImages(mediaType string) []ocispecs.Descriptor {
	return []ocispecs.Descriptor{
		child(mediaType, "arm v7", &ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}),
		child(mediaType, "amd64", &ocispecs.Platform{OS: "linux", Architecture: "amd64"}),
		child(mediaType, "arm64", &ocispecs.Platform{OS: "linux", Architecture: "arm64"}),
	}
}

func attestation(name string, about ocispecs.Descriptor) ocispecs.Descriptor {
	d := child(ocispecs.MediaTypeImageManifest, name, &ocispecs.Platform{OS: "unknown", Architecture: "unknown"})
	d.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": about.Digest.String(),
	}
	return d
}

func TestIndexBytesAreTheGoldenOnesInEveryOrderOfTheChildren(t *testing.T) {
	oci := threeImages(ocispecs.MediaTypeImageManifest)
	for _, tt := range []struct {
		name, golden string
		children     []ocispecs.Descriptor
		opt          manifest.IndexOptions
	}{
		{"OCI", "testdata/oci.json", oci, manifest.IndexOptions{}},
		{"Docker", "testdata/docker.json", threeImages(manifest.MediaTypeDockerManifest), manifest.IndexOptions{Family: manifest.Docker}},
		{
			"OCI with annotations and attestations", "testdata/attested.json",
			append(slices.Clone(oci), attestation("about amd64", oci[1]), attestation("about arm v7", oci[0])),
			manifest.IndexOptions{Family: manifest.OCI, Annotations: map[string]string{"b": "2", "a": "1"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want, err := os.ReadFile(tt.golden)
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				rand.Shuffle(len(tt.children), func(i, j int) { tt.children[i], tt.children[j] = tt.children[j], tt.children[i] })
				desc, body, err := manifest.Index(tt.children, tt.opt)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(strings.TrimSuffix(string(want), "\n"), string(body)); diff != "" {
					t.Fatalf("bytes (-golden +got):\n%s", diff)
				}
				if desc.Digest != digest.FromBytes(body) || desc.Size != int64(len(body)) || desc.MediaType != tt.opt.Family.IndexMediaType() {
					t.Fatalf("the descriptor is not that of the bytes: %+v", desc)
				}
			}
		})
	}
}

func TestIndexWritesOnlyKnownFieldsAndLeavesItsArgumentAlone(t *testing.T) {
	children := threeImages(ocispecs.MediaTypeImageManifest)
	children[0].URLs = []string{"https://example.com"}
	children[0].Data = []byte("data")
	children[0].ArtifactType = "application/artifact"
	before := slices.Clone(children)
	_, body, err := manifest.Index(children, manifest.IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, plain, err := manifest.Index(threeImages(ocispecs.MediaTypeImageManifest), manifest.IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(plain), string(body)); diff != "" {
		t.Errorf("unknown fields were written:\n%s", diff)
	}
	if diff := cmp.Diff(before, children); diff != "" {
		t.Errorf("the children were changed:\n%s", diff)
	}
}

func TestIndexRefuses(t *testing.T) {
	const oci = ocispecs.MediaTypeImageManifest
	good := threeImages(oci)
	with := func(c ...ocispecs.Descriptor) []ocispecs.Descriptor { return append(slices.Clone(good), c...) }
	for _, tt := range []struct {
		name     string
		children []ocispecs.Descriptor
		opt      manifest.IndexOptions
		want     string
	}{
		{"no children", nil, manifest.IndexOptions{}, "at least one image"},
		{"attestations alone", []ocispecs.Descriptor{attestation("x", good[0])}, manifest.IndexOptions{}, "not only attestations"},
		{"a nested index", with(child(ocispecs.MediaTypeImageIndex, "i", nil)), manifest.IndexOptions{}, "itself an index"},
		{"a child without platform", with(child(oci, "i", nil)), manifest.IndexOptions{}, "no platform"},
		{"a child without a digest", with(ocispecs.Descriptor{MediaType: oci, Platform: &ocispecs.Platform{OS: "linux", Architecture: "s390x"}}), manifest.IndexOptions{}, "linux/s390x: digest"},
		{"an attestation about another image", with(attestation("x", child(oci, "elsewhere", nil))), manifest.IndexOptions{}, "not in the index"},
		{"annotations in a Docker list", threeImages(manifest.MediaTypeDockerManifest), manifest.IndexOptions{Family: manifest.Docker, Annotations: map[string]string{"a": "b"}}, "cannot hold annotations"},
		{"an unknown family", good, manifest.IndexOptions{Family: "podman"}, `unknown family of media types "podman"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := manifest.Index(tt.children, tt.opt)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestIndexNamesBothImagesOfOnePlatform(t *testing.T) {
	one := child(ocispecs.MediaTypeImageManifest, "one", &ocispecs.Platform{OS: "linux", Architecture: "arm64"})
	two := child(ocispecs.MediaTypeImageManifest, "two", &ocispecs.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"})
	_, _, err := manifest.Index([]ocispecs.Descriptor{two, one}, manifest.IndexOptions{})
	var duplicate *manifest.DuplicateError
	if !errors.As(err, &duplicate) {
		t.Fatalf("got %v, want a DuplicateError", err)
	}
	for _, part := range []string{"linux/arm64", one.Digest.String(), two.Digest.String()} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}

func TestIndexListsTheChildrenOfAnotherFamily(t *testing.T) {
	children := threeImages(ocispecs.MediaTypeImageManifest)
	children[0].MediaType = manifest.MediaTypeDockerManifest
	_, _, err := manifest.Index(children, manifest.IndexOptions{})
	var family *manifest.FamilyError
	if !errors.As(err, &family) {
		t.Fatalf("got %v, want a FamilyError", err)
	}
	if family.Want != manifest.OCI || len(family.Children) != 1 || family.Children[0].Digest != children[0].Digest {
		t.Errorf("got %+v", family)
	}
	if !strings.Contains(err.Error(), "linux/arm/v7") {
		t.Errorf("%q does not name the platform", err)
	}
}

func TestFamilyOfKnowsFourMediaTypes(t *testing.T) {
	for mediaType, want := range map[string]manifest.Family{
		ocispecs.MediaTypeImageManifest: manifest.OCI, ocispecs.MediaTypeImageIndex: manifest.OCI,
		manifest.MediaTypeDockerManifest: manifest.Docker, manifest.MediaTypeDockerList: manifest.Docker,
		ocispecs.MediaTypeImageConfig: "", "": "",
	} {
		if got := manifest.FamilyOf(mediaType); got != want {
			t.Errorf("FamilyOf(%q) = %q, want %q", mediaType, got, want)
		}
	}
}
