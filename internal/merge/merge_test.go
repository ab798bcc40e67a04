package merge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func one(tags ...reference.NamedTagged) merge.Request { return merge.Request{Tags: tags} }

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestImagesOfARepositoryAreJoinedByOneWrite(t *testing.T) {
	w := newFixture(t)
	amd, arm := w.image("app", "linux/amd64", "", manifest.OCI), w.image("app", "linux/arm64", "", manifest.OCI)
	w.index("app", "amd", amd, w.attestation("app", amd))
	res, err := w.merge(one(w.name("app:1")), "HOST/app:amd", "HOST/app@"+arm.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	digest, index := w.at("app", "1")
	equal(t, "the digest", res.Target.Digest, digest)
	equal(t, "the index", []string{"linux/amd64", "linux/arm64", "unknown/unknown"}, platforms(index))
	equal(t, "the writes", []string{"1"}, w.writes())
	equal(t, "the subject", amd.Digest.String(), index.Manifests[2].Annotations["vnd.docker.reference.digest"])
}

func TestMissingContentOfAnotherRepositoryIsCopiedBeforeTheTag(t *testing.T) {
	w := newFixture(t)
	amd, arm := w.image("one", "linux/amd64", "", manifest.OCI), w.image("two", "linux/arm64", "", manifest.OCI)
	w.index("one", "1", amd, w.attestation("one", amd))
	_, err := w.merge(one(w.name("app:1"), w.name("one:2"), w.name("app:2")), "HOST/one:1", "HOST/two@"+arm.Digest.String())
	if err != nil {
		t.Fatal(err)
	}
	first, index := w.at("app", "1")
	second, _ := w.at("one", "2")
	equal(t, "the digests", first, second)
	equal(t, "the index", []string{"linux/amd64", "linux/arm64", "unknown/unknown"}, platforms(index))
	writes := w.writes()
	equal(t, "the tags", []string{"1", "2", "2"}, writes[len(writes)-3:])
	if slices.Contains(writes[:len(writes)-3], "1") {
		t.Errorf("a tag before a child: %v", writes)
	}
	mounted := w.faults.Matching(func(method, _ string) bool { return method == http.MethodPost })
	if len(mounted) == 0 {
		t.Error("no blob was brought")
	}
}

func TestMismatchesAreRefusedAndMoveNoTag(t *testing.T) {
	w := newFixture(t)
	a, b := w.image("app", "linux/arm64", "a", manifest.OCI), w.image("app", "linux/arm64/v8", "b", manifest.OCI)
	w.index("app", "other", w.image("app", "linux/amd64", "", manifest.OCI))
	expected := func(list string) merge.Request {
		ps, _, err := platform.Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		return merge.Request{Tags: []reference.NamedTagged{w.name("app:1")}, Expect: ps}
	}
	for name, tt := range map[string]struct {
		req   merge.Request
		words []string
		want  []string
	}{
		"two images for a platform": {
			one(w.name("app:1")),
			[]string{"HOST/app@" + a.Digest.String(), "HOST/app@" + b.Digest.String()},
			[]string{"linux/arm64", a.Digest.String(), b.Digest.String(), "both"},
		},
		"a platform that is missing":   {expected("linux/amd64,linux/arm64/v8"), []string{"HOST/app:other"}, []string{"missing: linux/arm64"}},
		"a platform that is too much":  {expected("linux/amd64"), []string{"HOST/app:other", "HOST/app@" + a.Digest.String()}, []string{"not expected: linux/arm64"}},
		"an image that is not there":   {one(w.name("app:1")), []string{"HOST/app:none"}, []string{w.host + "/app:none"}},
		"a repository that is missing": {one(w.name("app:1")), []string{"HOST/none:1"}, []string{w.host + "/none:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.merge(tt.req, tt.words...)
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		})
	}
	equal(t, "the writes", []string(nil), w.writes())
}

func TestTheSameImageTwiceIsOne(t *testing.T) {
	w := newFixture(t)
	amd := w.image("app", "linux/amd64", "", manifest.OCI)
	w.index("app", "with", amd, w.attestation("app", amd))
	for _, words := range [][]string{{"HOST/app@" + amd.Digest.String(), "HOST/app:with"}, {"HOST/app:with", "HOST/app@" + amd.Digest.String()}} {
		if _, err := w.merge(one(w.name("app:1")), words...); err != nil {
			t.Fatal(err)
		}
		_, index := w.at("app", "1")
		equal(t, "the index", []string{"linux/amd64", "unknown/unknown"}, platforms(index))
	}
}

func TestImagesOfAnotherFamilyAreConvertedWithTheSameLayers(t *testing.T) {
	for _, tt := range []struct {
		want   manifest.Family
		family manifest.Family
		note   string
	}{{"", manifest.OCI, "its layers are the same"}, {manifest.Docker, manifest.Docker, "attestations are left out"}} {
		t.Run(string(tt.want), func(t *testing.T) {
			w := newFixture(t)
			oci, docker := w.image("app", "linux/amd64", "", manifest.OCI), w.image("app", "linux/arm64", "", manifest.Docker)
			w.index("app", "oci", oci, w.attestation("app", oci))
			res, err := w.merge(merge.Request{Tags: []reference.NamedTagged{w.name("app:1")}, Family: tt.want}, "HOST/app:oci", "HOST/app@"+docker.Digest.String())
			if err != nil {
				t.Fatal(err)
			}
			_, index := w.at("app", "1")
			equal(t, "the index's type", tt.family.IndexMediaType(), index.MediaType)
			for _, child := range index.Manifests {
				if manifest.FamilyOf(child.MediaType) != tt.family {
					t.Errorf("%s is %s", child.Digest, child.MediaType)
				}
			}
			equal(t, "attestations", tt.family == manifest.OCI, len(index.Manifests) == 3)
			again, err := merge.ReadRef(t.Context(), w.client, w.name("app:1"))
			if err != nil {
				t.Fatal(err)
			}
			for i, mark := range []string{"linux/amd64", "linux/arm64"} {
				img := again.Tree.Images[i]
				equal(t, "the layer", w.blob("app", img.Manifest.Layers[0].MediaType, []byte(mark)), img.Manifest.Layers[0])
			}
			w.noted(tt.note)
			equal(t, "the platforms", 2, len(res.Images))
		})
	}
}

func TestArtifactsThatCannotBeConvertedAreListed(t *testing.T) {
	w := newFixture(t)
	var words []string
	for _, name := range []string{"linux/amd64", "linux/arm64"} {
		img := w.image("app", name, "", manifest.OCI)
		body, _ := json.Marshal(ocispecs.Image{Platform: *img.Platform})
		img = w.manifest("app", ocispecs.Manifest{
			MediaType: ocispecs.MediaTypeImageManifest, Config: w.blob("app", ocispecs.MediaTypeImageConfig, body),
			Layers: []ocispecs.Descriptor{w.blob("app", ocispecs.MediaTypeImageLayerZstd, []byte("zstd"))},
		})
		words = append(words, "HOST/app@"+img.Digest.String())
	}
	_, err := w.merge(merge.Request{Tags: []reference.NamedTagged{w.name("app:1")}, Family: manifest.Docker}, words...)
	failure, ok := errors.AsType[*merge.ConvertError](err)
	if !ok {
		t.Fatal(err)
	}
	equal(t, "the number of offenders", 2, len(failure.Offenders))
	if !strings.Contains(err.Error(), "zstd") {
		t.Error(err)
	}
}

func TestAnnotationsAreThoseOfTheIndexAndOfItsEntries(t *testing.T) {
	w := newFixture(t)
	w.index("app", "a", w.image("app", "linux/amd64", "", manifest.OCI), w.image("app", "linux/arm64", "", manifest.OCI))
	arm := platform.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	_, err := w.merge(merge.Request{Tags: []reference.NamedTagged{w.name("app:1")}, Annotations: index.Annotations{
		{Level: index.OnManifestDescriptor, Key: "k", Value: "one", Platform: &arm},
		{Level: index.OnManifestDescriptor, Key: "k", Value: "all"},
		{Level: index.OnIndex, Key: "i", Value: "v"},
	}}, "HOST/app:a")
	if err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index's", map[string]string{"i": "v"}, index.Annotations)
	equal(t, "amd64's", map[string]string{"k": "all"}, index.Manifests[0].Annotations)
	equal(t, "arm64's", map[string]string{"k": "one"}, index.Manifests[1].Annotations)
}

func TestATagThatNamesSomethingElseIsLeftAlone(t *testing.T) {
	w := newFixture(t)
	w.index("app", "a", w.image("app", "linux/amd64", "a", manifest.OCI))
	w.index("app", "taken", w.image("app", "linux/amd64", "b", manifest.OCI))
	req := merge.Request{Tags: []reference.NamedTagged{w.name("app:1"), w.name("app:taken")}, NoClobber: true}
	if _, err := w.merge(req, "HOST/app:a"); !errors.Is(err, merge.ErrTaken) {
		t.Errorf("got %v", err)
	}
	equal(t, "the writes", []string(nil), w.writes())
	for range 2 {
		if _, err := w.merge(merge.Request{Tags: req.Tags[:1], NoClobber: true}, "HOST/app:a"); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "the writes", []string{"1"}, w.writes())
}

func TestADryRunWritesNothing(t *testing.T) {
	w := newFixture(t)
	w.index("app", "a", w.image("app", "linux/amd64", "a", manifest.OCI))
	res, err := w.merge(merge.Request{Tags: []reference.NamedTagged{w.name("other:1")}, DryRun: true}, "HOST/app:a")
	if err != nil || !strings.Contains(string(res.Body), res.Images[0].Manifest.Digest.String()) {
		t.Errorf("got %s, %v", res.Body, err)
	}
	equal(t, "the writes", []string(nil), w.writes())
}

func TestManyChildrenDoNotCostARoundTripEach(t *testing.T) {
	w := newFixture(t)
	var words []string
	for i := range 30 {
		img := w.image("app", fmt.Sprintf("windows(10.0.%d)/amd64", i), "", manifest.OCI)
		words = append(words, "HOST/app@"+img.Digest.String())
	}
	var now, most, once atomic.Int32
	several := make(chan struct{})
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodGet, "/manifests/"), Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		if once.Add(1) == 8 {
			close(several)
		}
		select {
		case <-several: // until eight have arrived
		case <-time.After(5 * time.Second):
		}
		defer now.Add(-1)
		next.ServeHTTP(rw, req)
	}})
	if _, err := w.merge(one(w.name("app:1")), words...); err != nil {
		t.Fatal(err)
	}
	if n := most.Load(); n < 2 || n > 16 {
		t.Errorf("%d requests at the same time", n)
	}
	if n := len(w.faults.Requests()); n > 2*30+5 {
		t.Errorf("%d requests", n)
	}
}
