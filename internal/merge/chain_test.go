package merge_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// far is a registry that is one second away, in a test's synthetic time.
type far struct{ registry http.Handler }

func (f far) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(time.Second) // of the bubble: it passes when all goroutines wait
	answer := httptest.NewRecorder()
	served := req.Clone(req.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	f.registry.ServeHTTP(answer, served)
	resp := answer.Result()
	resp.Request = req
	return resp, nil
}

func TestAMergeInOneRepositoryIsFourRequestsInARow(t *testing.T) {
	w := newFixture(t)
	words := []string{}
	for _, p := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7"} {
		words = append(words, w.host+"/app@"+w.image("app", p, "one", manifest.OCI).Digest.String())
	}
	before := w.index("app", "1", w.image("app", "linux/amd64", "old", manifest.OCI))
	inputs := w.parse(words...)
	tag := w.name("app:1")
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		req := merge.Request{Tags: []reference.NamedTagged{tag}}
		req.Registry = manifest.New(manifest.Options{Transport: far{w.faults}})
		var err error
		if req.Inputs, req.Looks, err = merge.Read(t.Context(), req.Registry, inputs, tag); err != nil {
			t.Fatal(err)
		}
		if len(req.Looks) != 1 || req.Looks[0].Digest != before {
			t.Errorf("the tag was seen as %v, want %s", req.Looks, before)
		}
		res, err := merge.Merge(t.Context(), req)
		if err != nil || res.Tags[0].State != manifest.Moved {
			t.Fatal(res.Tags, err)
		}
		// The requests in sequence are the manifests, their configurations, the write, and the check after it.
		if depth := time.Since(started) / time.Second; depth != 4 {
			t.Errorf("%d requests in a row: %v", depth, w.faults.Matching(faultregistry.On("", "")))
		}
	})
}

func TestATagIsLookedAtAgainWhenImagesHadToBeBrought(t *testing.T) {
	w := newFixture(t)
	here, there := w.image("app", "linux/amd64", "", manifest.OCI), w.image("other", "linux/arm64", "", manifest.OCI)
	var other digest.Digest
	w.faults.Add(faultregistry.Fault{
		Match: faultregistry.On(http.MethodPost, "/v2/app/blobs/uploads/"), Times: 1,
		Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
			other = w.index("app", "1", here)
			next.ServeHTTP(rw, req)
		},
	})
	req := merge.Request{Tags: []reference.NamedTagged{w.name("app:1")}, NoClobber: true}
	_, err := w.merge(req, "HOST/app@"+here.Digest.String(), "HOST/other@"+there.Digest.String())
	if now, _ := w.at("app", "1"); err == nil || other == "" || now != other {
		t.Errorf("%v; the tag names %s, want %s", err, now, other)
	}
}
