package tree_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/tree"
)

// changed is an image for linux/arm64 with another configuration and one more layer.
func (s *imageStore) changed() ocispecs.Descriptor {
	config := ocispecs.Image{Platform: ocispecs.Platform{OS: "linux", Architecture: "arm64"}, Author: "else", Config: ocispecs.ImageConfig{Env: []string{"A=1"}, User: "me"}}
	desc := s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Config: s.put(ocispecs.MediaTypeImageConfig, config),
		Layers: []ocispecs.Descriptor{{MediaType: ocispecs.MediaTypeImageLayerGzip, Size: 100}, {MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: "sha256:2"}},
	})
	desc.Platform = &config.Platform
	return desc
}

func TestTreesAreComparedByPlatform(t *testing.T) {
	s := newShelf(t)
	amd, arm, s390, riscv := s.image("linux/amd64"), s.image("linux/arm64"), s.image("linux/s390x"), s.image("linux/riscv64")
	arm.Platform.Variant = "v8"
	a, err := tree.Read(t.Context(), s.index(s390, arm, amd), s)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tree.Read(t.Context(), s.index(amd, s.attestation(amd), s.changed(), riscv), s)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range tree.Diff(a, b) {
		got = append(got, fmt.Sprint(c.Platform(), " ", c.State, " ", c.SharedLayers, " ", strings.Join(c.Config, ","), " ", c.Attested))
	}
	want := []string{
		"linux/amd64 same 1  true", "linux/arm64 changed 1 author,config.Env,config.User false", "linux/riscv64 added 0  false", "linux/s390x removed 0  false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATreeDoesNotDifferFromItself(t *testing.T) {
	s := newShelf(t)
	a, err := tree.Read(t.Context(), s.index(s.image("linux/arm64"), s.changed()), s) // two images for one platform
	if err != nil {
		t.Fatal(err)
	}
	changes := tree.Diff(a, a)
	for _, c := range changes {
		if c.State != tree.Same || c.Attested || c.Config != nil {
			t.Errorf("%+v", c)
		}
	}
	if len(changes) != 2 {
		t.Errorf("%d changes", len(changes))
	}
}
