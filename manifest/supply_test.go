package manifest_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/distribution/reference"
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
	// Three layers are asked for in each repository. Two configurations, a layer and two manifests are sent to each, or less: this registry shows
	// a layer of one repository in all.
	if got := w.faults.Methods(); got["HEAD"] != 6 || got["POST"] < 5 || got["POST"] > 6 || got["PUT"] != got["POST"]+4 {
		t.Errorf("%v: %v", got, w.faults.Requests())
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
			if got := w.faults.Methods(); ok || got["PUT"] > tt.sent || got["POST"] > 3 || got["HEAD"] > 3 {
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

func TestATagThatWasLookedAtAheadIsNotReadAgain(t *testing.T) {
	for name, there := range map[string]bool{"an old tag": true, "no tag": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			descs, all := sharing(t)
			tag := w.tag(t, "app:v1")
			publish := func(desc ocispecs.Descriptor) manifest.TagResult {
				image, ok := w.client.Supply(t.Context(), []reference.Named{tag}, parsed(t, desc, all), all, 1<<10)
				if !ok {
					t.Fatal("it was not sent")
				}
				got, err := w.client.Publish(t.Context(), manifest.PublishRequest{
					Targets: []reference.NamedTagged{tag}, Descriptor: image.Descriptor, Body: image.Body, Seen: []manifest.Image{image},
				})
				if err != nil {
					t.Fatal(err)
				}
				return got[0]
			}
			if there {
				publish(descs[0])
			}
			w.faults.Forget()
			w.client.LookAhead(t.Context(), tag)
			w.client.Finish()
			if got := publish(descs[1]); got.State != manifest.Moved {
				t.Errorf("%+v", got)
			}
			if read := w.faults.Matching(faultregistry.TagRead); len(read) != 2 { // ahead, and afterwards
				t.Errorf("it was read %d times: %v", len(read), read)
			}
			if got := publish(descs[1]); got.State != manifest.Already { // an answer is used once
				t.Errorf("%+v", got)
			}
		})
	}
}
