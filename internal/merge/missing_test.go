package merge_test

import (
	"testing"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// withMissing makes an index whose annotation lists missing platforms.
func (w *fixture) withMissing(tag, missing string, children ...ocispecs.Descriptor) {
	w.t.Helper()
	_, body, err := manifest.Index(children, manifest.IndexOptions{Annotations: map[string]string{manifest.MissingPlatforms: missing, "other": "kept"}})
	if err != nil {
		w.t.Fatal(err)
	}
	faultregistry.Put(w.backend, "/v2/app/manifests/"+tag, ocispecs.MediaTypeImageIndex, body)
}

func TestAMergedPlatformIsNoLongerAnnotatedAsMissing(t *testing.T) {
	for missing, want := range map[string]map[string]string{
		"linux/riscv64":              {"other": "kept"},
		"linux/riscv64,linux/s390x":  {"other": "kept", manifest.MissingPlatforms: "linux/s390x"},
		"linux/ppc64le":              {"other": "kept", manifest.MissingPlatforms: "linux/ppc64le"},
		"linux/amd64,linux/arm/v7,,": {"other": "kept", manifest.MissingPlatforms: "linux/arm/v7"},
	} {
		w := newFixture(t)
		w.withMissing("1", missing, w.image("app", "linux/amd64", "", manifest.OCI))
		w.index("app", "late", w.image("app", "linux/riscv64", "", manifest.OCI))
		if _, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:late"); err != nil {
			t.Fatal(err)
		}
		_, index := w.at("app", "1")
		equal(t, missing, want, index.Annotations)
	}
}

func TestPlatformsMissingInSeveralInputsAreAnnotated(t *testing.T) {
	w := newFixture(t)
	w.withMissing("a", "linux/riscv64,linux/arm64", w.image("app", "linux/amd64", "", manifest.OCI))
	w.withMissing("b", "linux/s390x", w.image("app", "linux/arm64", "", manifest.OCI))
	if _, err := w.merge(merge.Request{Tags: []reference.NamedTagged{w.name("app:1")}}, "HOST/app:a", "HOST/app:b"); err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the annotations", map[string]string{manifest.MissingPlatforms: "linux/riscv64,linux/s390x"}, index.Annotations)
}
