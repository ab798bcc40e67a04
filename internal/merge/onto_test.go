package merge_test

import (
	"net/http"
	"strings"
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestImagesReplaceThoseForTheSamePlatformsAndTheRestStays(t *testing.T) {
	w := newFixture(t)
	amd, arm := w.image("app", "linux/amd64", "old", manifest.OCI), w.image("app", "linux/arm64", "old", manifest.OCI)
	w.index("app", "1", amd, arm, w.attestation("app", amd), w.attestation("app", arm))
	fresh := w.image("app", "linux/arm64", "new", manifest.OCI)
	w.index("app", "new", fresh, w.attestation("app", fresh))
	res, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new")
	if err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index", []string{"linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"}, platforms(index))
	equal(t, "the new image", fresh.Digest, index.Manifests[1].Digest)
	equal(t, "the new one's attestation", fresh.Digest.String(), index.Manifests[3].Annotations["vnd.docker.reference.digest"])
	equal(t, "kept", []bool{true, false}, []bool{res.Images[0].Kept, res.Images[1].Kept})
	if _, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new"); err != nil {
		t.Fatal(err)
	}
	equal(t, "the writes", []string{"1"}, w.writes())
}

func TestATagThatIsNotThereIsMade(t *testing.T) {
	w := newFixture(t)
	w.index("app", "new", w.image("app", "linux/arm64", "new", manifest.OCI))
	if _, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new"); err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index", []string{"linux/arm64"}, platforms(index))
	w.noted("does not exist yet, and is created")
}

// others rewrites the tag app:1 with another platform.
func (w *fixture) others(tag, name string) {
	_, index := w.at("app", tag)
	w.index("app", tag, append(index.Manifests, w.image("app", name, "", manifest.OCI))...)
}

func TestAChangeThatIsSeenBeforeOrAfterTheWriteIsMergedIn(t *testing.T) {
	w := newFixture(t)
	w.index("app", "1", w.image("app", "linux/amd64", "", manifest.OCI))
	w.index("app", "new", w.image("app", "linux/arm64", "", manifest.OCI))
	// The first check reads the tag. The second is the one just before the write.
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodHead, "/manifests/1"), Times: 1, Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		w.others("1", "linux/s390x")
		next.ServeHTTP(rw, req)
	}})
	overwritten := false
	w.pause = func() {
		if !overwritten && len(w.writes()) == 1 { // by a writer that read the previous index
			overwritten = true
			w.index("app", "1", w.image("app", "linux/amd64", "", manifest.OCI), w.image("app", "linux/riscv64", "", manifest.OCI))
		}
	}
	if _, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new"); err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index", []string{"linux/amd64", "linux/arm64", "linux/riscv64"}, platforms(index))
	equal(t, "the writes", []string{"1", "1"}, w.writes())
	w.noted("another client has pushed")
}

func TestATagThatOthersWriteAllTheTimeIsReported(t *testing.T) {
	w := newFixture(t)
	old := w.image("app", "linux/amd64", "", manifest.OCI)
	w.index("app", "1", old)
	w.index("app", "new", w.image("app", "linux/arm64", "", manifest.OCI))
	w.pause = func() { w.index("app", "1", old) }
	_, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new")
	if err == nil || !strings.Contains(err.Error(), "run this command again") {
		t.Errorf("got %v", err)
	}
	if n := len(w.writes()); n < 2 || n > 10 {
		t.Errorf("it was written %d times", n)
	}
}

func TestTwoWritersBothGetTheirPlatformIn(t *testing.T) {
	w := newFixture(t)
	w.index("app", "1", w.image("app", "linux/amd64", "", manifest.OCI))
	w.index("app", "new", w.image("app", "linux/arm64", "", manifest.OCI))
	// The other writer writes between our check and our write. Only its own last check detects this.
	w.faults.Add(faultregistry.Fault{Match: faultregistry.TagPut, Times: 1, Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		w.others("1", "linux/s390x")
		next.ServeHTTP(rw, req)
	}})
	w.pause = func() { // the other writer's last check, and its reaction
		if _, index := w.at("app", "1"); !has(index, "linux/s390x") {
			w.others("1", "linux/s390x")
		}
	}
	if _, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new"); err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index", []string{"linux/amd64", "linux/arm64", "linux/s390x"}, platforms(index))
	w.noted("with these images")
}

func has(index ocispecs.Index, name string) bool {
	for _, p := range platforms(index) {
		if p == name {
			return true
		}
	}
	return false
}

func TestATagThatIsMissingForAMomentIsReadAgain(t *testing.T) {
	w := newFixture(t)
	w.index("app", "1", w.image("app", "linux/amd64", "", manifest.OCI))
	w.index("app", "new", w.image("app", "linux/arm64", "", manifest.OCI))
	missing := faultregistry.Answer(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodGet, "/manifests/1"), Times: 1, Do: missing})
	// The first checks are those of the plan. The last is the one after the write.
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodHead, "/manifests/1"), Skip: 3, Times: 1, Do: missing})
	if _, err := w.merge(merge.Request{Onto: w.name("app:1")}, "HOST/app:new"); err != nil {
		t.Fatal(err)
	}
	_, index := w.at("app", "1")
	equal(t, "the index", []string{"linux/amd64", "linux/arm64"}, platforms(index))
}
