package manifest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestASourceReadsATagAndWhatBelongsToIt(t *testing.T) {
	w := newWorld(t, nil, nil)
	children := w.push(t, "app", "linux/amd64")
	desc, body, err := manifest.Index(children, manifest.IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.put(t, "/v2/app/manifests/v1", desc.MediaType, body)
	w.faults.Forget()
	root, source, err := w.client.Source(t.Context(), w.tag(t, "app:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if root.Digest != desc.Digest || root.MediaType != desc.MediaType || root.Size != desc.Size {
		t.Errorf("root %+v", root)
	}
	for _, want := range []ocispecs.Descriptor{root, children[0]} {
		rc, err := source.Fetch(t.Context(), want)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(rc); err != nil || digest.FromBytes(data) != want.Digest {
			t.Errorf("%v: %s", err, data)
		}
	}
	if diff := cmp.Diff([]string{
		"GET /v2/app/manifests/v1 200", "GET /v2/app/manifests/" + children[0].Digest.String() + " 200",
	}, w.faults.Matching(faultregistry.On("", "/manifests/"))); diff != "" {
		t.Error("the root is asked for once:", diff)
	}
}

func TestASourceKnowsWhatIsMissing(t *testing.T) {
	w := newWorld(t, nil, nil)
	child := w.push(t, "app", "linux/amd64")[0]
	ref, err := reference.WithDigest(reference.TrimNamed(w.tag(t, "app")), child.Digest)
	if err != nil {
		t.Fatal(err)
	}
	_, source, err := w.client.Source(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := source.Stat(t.Context(), child); err != nil || n != child.Size {
		t.Errorf("%d bytes of %d: %v", n, child.Size, err)
	}
	for _, lost := range []ocispecs.Descriptor{
		{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("no manifest"), Size: 3},
		{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString("no layer"), Size: 3},
	} {
		if there, err := source.Exists(t.Context(), lost); there || err != nil {
			t.Errorf("%s: %v %v", lost.MediaType, there, err)
		}
		if _, err := source.Fetch(t.Context(), lost); !errors.Is(err, manifest.ErrNotFound) {
			t.Errorf("%s: %v", lost.MediaType, err)
		}
	}
	if _, _, err := w.client.Source(t.Context(), w.tag(t, "app:none")); !errors.Is(err, manifest.ErrNotFound) {
		t.Errorf("a tag that is not there: %v", err)
	}
}

func TestASourceAsksForTheRightToPullOnlyAndOnce(t *testing.T) {
	tokens := &faultregistry.Tokens{ReadOnly: []string{"reader"}, Login: func(user, _ string) bool { return user == "reader" }}
	w := newWorld(t, func(next http.Handler) http.Handler { tokens.Next = next; return tokens }, func(o *manifest.Options) {
		o.Credential = func(context.Context, string) (auth.Credential, error) {
			return auth.Credential{Username: "reader", Password: "secret"}, nil
		}
	})
	desc, body := image(t, ocispecs.MediaTypeImageManifest, "linux/amd64")
	w.put(t, "/v2/app/manifests/v1", desc.MediaType, body)
	_, source, err := w.client.Source(t.Context(), w.tag(t, "app:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if there, err := source.Exists(t.Context(), desc); !there || err != nil {
		t.Error(there, err)
	}
	if n := tokens.Served(); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
}
