package manifest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// sharing returns two images with a common layer and a foreign one, and all of their content.
func sharing(t *testing.T) (images []ocispecs.Descriptor, all index.Bodies) {
	t.Helper()
	all = index.Bodies{}
	blob := func(mediaType, text string) ocispecs.Descriptor {
		d := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromString(text), Size: int64(len(text))}
		all[d.Digest] = []byte(text)
		return d
	}
	for _, name := range []string{"one", "two"} {
		body, err := json.Marshal(ocispecs.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
			Config: blob(ocispecs.MediaTypeImageConfig, "{\"name\":\""+name+"\"}"),
			Layers: []ocispecs.Descriptor{blob(ocispecs.MediaTypeImageLayerGzip, "common"), blob(ocispecs.MediaTypeImageLayerGzip, name)},
		})
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, blob(ocispecs.MediaTypeImageManifest, string(body)))
	}
	return images, all
}

func TestCompleteAsksForEveryPartOnce(t *testing.T) {
	w := newWorld(t, nil, nil)
	images, all := sharing(t)
	repos := []reference.Named{w.tag(t, "app"), w.tag(t, "copy")}
	for _, repo := range repos {
		for _, image := range images {
			if err := w.client.Upload(t.Context(), repo, image, all); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.faults.Forget()
	var asking sync.WaitGroup
	for _, image := range images {
		asking.Go(func() {
			got, ok := w.client.Complete(context.Background(), repos, image.Digest)
			if !ok || !bytes.Equal(got.Body, all[image.Digest]) || len(got.Layers) != 2 || got.Repository.Name() != reference.TrimNamed(repos[0]).Name() {
				t.Errorf("%t, %+v", ok, got)
			}
		})
	}
	asking.Wait()
	for match, want := range map[string]int{"/app/manifests/": 2, "/copy/manifests/": 2, "/app/blobs/": 5, "/copy/blobs/": 5, "": 14} {
		if got := w.faults.Matching(faultregistry.On("", match)); len(got) != want {
			t.Errorf("%d requests for %q, want %d: %q", len(got), match, want, got)
		}
	}
}

func TestAnImageThatLacksAPartIsNotComplete(t *testing.T) {
	for name, lost := range map[string]faultregistry.Fault{
		"the manifest":         {Match: faultregistry.On(http.MethodGet, "/app/manifests/"), Do: faultregistry.Hide},
		"another manifest":     {Match: faultregistry.On(http.MethodGet, "/app/manifests/"), Do: faultregistry.CutBody(10)},
		"a manifest elsewhere": {Match: faultregistry.On(http.MethodHead, "/copy/manifests/"), Do: faultregistry.Hide},
		"a blob":               {Match: faultregistry.On(http.MethodHead, "/app/blobs/"), Do: faultregistry.Answer(404, "", "")},
		"a blob elsewhere":     {Match: faultregistry.On(http.MethodHead, "/copy/blobs/"), Do: faultregistry.Answer(404, "", "")},
		"an answer":            {Match: faultregistry.On("", "/copy/blobs/"), Do: faultregistry.Answer(403, "", "")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, func(o *manifest.Options) { o.Retry.MaxWait = -1 })
			images, all := sharing(t)
			repos := []reference.Named{w.tag(t, "app"), w.tag(t, "copy")}
			for _, repo := range repos {
				if err := w.client.Upload(t.Context(), repo, images[0], all); err != nil {
					t.Fatal(err)
				}
			}
			w.faults.Add(lost)
			if _, ok := w.client.Complete(t.Context(), repos, images[0].Digest); ok {
				t.Errorf("it is: %v", w.faults.Requests())
			}
		})
	}
}

func TestProvenanceThatWasJustMadeIsNotAskedFor(t *testing.T) {
	for predicate, want := range map[string]int{"https://slsa.dev/provenance/v1": 1, "https://spdx.dev/Document": 3} {
		w := newWorld(t, nil, nil)
		images, all := sharing(t)
		if err := w.client.Upload(t.Context(), w.tag(t, "app"), images[0], all); err != nil {
			t.Fatal(err)
		}
		w.faults.Forget()
		empty, statement := digest.FromString("{}"), digest.FromString(predicate)
		all[empty], all[statement] = []byte("{}"), []byte(predicate)
		body, _ := json.Marshal(ocispecs.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Subject: &images[0],
			Config: ocispecs.Descriptor{MediaType: ocispecs.MediaTypeEmptyJSON, Digest: empty, Size: 2},
			Layers: []ocispecs.Descriptor{{
				MediaType: "application/vnd.in-toto+json", Digest: statement, Size: int64(len(predicate)),
				Annotations: map[string]string{"in-toto.io/predicate-type": predicate},
			}},
		})
		attestation := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromBytes(body), Size: int64(len(body))}
		all[attestation.Digest] = body
		if err := w.client.UploadAttestation(t.Context(), w.tag(t, "app"), attestation, true, all); err != nil {
			t.Fatal(err)
		}
		if got := w.faults.Matching(faultregistry.On(http.MethodHead, "")); len(got) != want {
			t.Errorf("%s: %d questions, want %d: %q", predicate, len(got), want, got)
		}
		if w.get("app", attestation.Digest.String()) == "" {
			t.Errorf("%s: it is not there", predicate)
		}
	}
}
