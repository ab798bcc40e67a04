package manifest_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// parsed returns an image that is not in a registry yet.
func parsed(t *testing.T, desc ocispecs.Descriptor, all index.Bodies) manifest.Image {
	t.Helper()
	image, err := manifest.ParseImage(all[desc.Digest])
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// counts returns the numbers of requests by their methods.
func (w *world) counts() map[string]int {
	n := map[string]int{}
	for _, r := range w.faults.Requests() {
		n[r.Method]++
	}
	return n
}

func TestSupplySendsWhatEachRepositoryLacksOnce(t *testing.T) {
	w := newWorld(t, nil, nil)
	descs, all := sharing(t)
	repos := []reference.Named{w.tag(t, "app"), w.tag(t, "copy")}
	if err := w.client.Upload(t.Context(), repos[0], descs[0], all); err != nil { // "app" lacks the second image's own layer and configuration
		t.Fatal(err)
	}
	w.faults.Forget()
	var supplying sync.WaitGroup
	for _, desc := range descs {
		supplying.Go(func() {
			got, ok := w.client.Supply(t.Context(), repos, parsed(t, desc, all), all, 1<<10)
			if !ok || !got.Unseen || got.Repository.Name() != reference.TrimNamed(repos[0]).Name() {
				t.Errorf("%t, %+v", ok, got)
			}
		})
	}
	supplying.Wait()
	// Five blobs are asked for in each repository. Two are sent to each, in which this registry shows the others' too, and two manifests.
	if diff := cmp.Diff(map[string]int{"HEAD": 10, "POST": 4, "PUT": 4 + 4}, w.counts()); diff != "" {
		t.Errorf("the requests (-want +got):\n%s%v", diff, w.faults.Requests())
	}
	for _, desc := range descs {
		if got, ok := manifest.New(manifest.Options{}).Complete(t.Context(), repos, desc.Digest); !ok || got.Unseen {
			t.Errorf("%s is not complete", desc.Digest)
		}
	}
}

func TestSupplyRepeatsNothingAndSendsNothingLarge(t *testing.T) {
	descs, all := sharing(t)
	for name, tt := range map[string]struct {
		fault faultregistry.Fault
		limit int64
		sent  int // manifests and blobs, at most
	}{
		"more than the limit": {limit: 10},
		"no answer": {
			fault: faultregistry.Fault{Match: faultregistry.On(http.MethodHead, "/blobs/"), Do: faultregistry.Answer(503, "", "")}, limit: 1 << 10,
		},
		"a busy registry": {
			fault: faultregistry.Fault{Match: faultregistry.On(http.MethodPost, ""), Do: faultregistry.RetryAfter(429, "60")}, limit: 1 << 10,
		},
		"a refused manifest": {
			fault: faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/"), Do: faultregistry.Answer(400, "MANIFEST_INVALID", "no")},
			limit: 1 << 10, sent: 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			if tt.fault.Do != nil {
				w.faults.Add(tt.fault)
			}
			_, ok := w.client.Supply(t.Context(), []reference.Named{w.tag(t, "app")}, parsed(t, descs[0], all), all, tt.limit)
			if got := w.counts(); ok || got["PUT"] > tt.sent || got["POST"] > 3 || got["HEAD"] > 3 {
				t.Errorf("%t, %v", ok, got)
			}
		})
	}
}

// A registry that accepts an image and loses it is found out before a tag moves.
func TestPublishLooksForWhatWasSupplied(t *testing.T) {
	w := newWorld(t, nil, nil)
	descs, all := sharing(t)
	repo := w.tag(t, "app")
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/sha256:"), Times: 1, Do: faultregistry.Drop})
	image, ok := w.client.Supply(t.Context(), []reference.Named{repo}, parsed(t, descs[0], all), all, 1<<10)
	if !ok {
		t.Fatal("it was not sent")
	}
	tagged, err := reference.WithTag(repo, "v1")
	if err != nil {
		t.Fatal(err)
	}
	req := manifest.PublishRequest{Targets: []reference.NamedTagged{tagged}, Descriptor: image.Descriptor, Body: image.Body, Seen: []manifest.Image{image}}
	if _, err := w.client.Publish(t.Context(), req); !errors.Is(err, manifest.ErrNotFound) {
		t.Errorf("it is published: %v", err)
	}
}

func TestARegistryIsConnectedToAheadOfThePush(t *testing.T) {
	w := newWorld(t, nil, nil)
	descs, all := sharing(t)
	repos := []reference.Named{w.tag(t, "app")}
	w.client.Warm(t.Context(), repos...)
	w.client.Finish()
	if got := w.counts(); got["GET"] == 0 {
		t.Error("nothing was asked")
	}
	w.faults.Forget()
	if _, ok := w.client.Supply(t.Context(), repos, parsed(t, descs[0], all), all, 1<<10); !ok || w.counts()["GET"] > 0 {
		t.Errorf("%t: %v", ok, w.faults.Requests())
	}
}
