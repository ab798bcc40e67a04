package manifest_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestChildReadsAnImageWithOneRequest(t *testing.T) {
	w := newWorld(t, nil, nil)
	desc := w.push(t, "app", "linux/arm64")[0]
	w.put(t, "/v2/app/manifests/warm", ocispecs.MediaTypeImageManifest, []byte("{}"))
	if _, err := w.client.Resolve(t.Context(), w.tag(t, "app:warm")); err != nil { // detects the scheme
		t.Fatal(err)
	}
	w.faults.Forget()
	got, err := w.client.Child(t.Context(), w.tag(t, "app:v1"), desc.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if got.Repository.String() != w.host+"/app" || got.Size != 321000 || len(got.Layers) != 2 || digest.FromBytes(got.Body) != desc.Digest {
		t.Errorf("got %+v", got)
	}
	if got.Config.Digest != digest.FromString("config linux/arm64") {
		t.Errorf("config is %s", got.Config.Digest)
	}
	want := ocispecs.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}
	if diff := cmp.Diff(want, got.Descriptor); diff != "" {
		t.Errorf("descriptor (-want +got):\n%s", diff)
	}
	if requests := w.faults.Requests(); len(requests) != 1 {
		t.Errorf("requests: %v", requests)
	}
}

func TestChildWaitsForARegistryThatShowsItsWritesLate(t *testing.T) {
	var waits []manifest.Wait
	w := newWorld(t, nil, func(o *manifest.Options) { o.Report = func(wait manifest.Wait) { waits = append(waits, wait) } })
	desc := w.push(t, "app", "linux/arm64")[0]
	w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Times: 3, Do: faultregistry.Hide})
	if _, err := w.client.Child(t.Context(), w.tag(t, "app"), desc.Digest); err != nil {
		t.Fatal(err)
	}
	want := []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}
	if diff := cmp.Diff(want, w.clock.naps()); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	if len(waits) != 3 || waits[0].Registry != w.host || waits[0].Delay != want[0] || !strings.Contains(waits[0].Reason, desc.Digest.String()) {
		t.Errorf("reported: %v", waits)
	}
}

func TestChildGivesUpOnAnImageThatNeverComes(t *testing.T) {
	w := newWorld(t, nil, func(o *manifest.Options) { o.Settle = 3 * time.Second })
	missing := digest.FromString("missing")
	_, err := w.client.Child(t.Context(), w.tag(t, "app"), missing)
	if !errors.Is(err, manifest.ErrNotFound) || !strings.Contains(err.Error(), missing.String()) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if total := w.clock.total(); total != 3*time.Second {
		t.Errorf("waited %s, want 3s", total)
	}
}

func TestChildReadsAgainWhenTheAnswerBreaksOff(t *testing.T) {
	w := newWorld(t, nil, nil)
	desc := w.push(t, "app", "linux/arm64")[0]
	w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Times: 1, Do: faultregistry.ResetBody(10)})
	w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Times: 1, Do: faultregistry.CutBody(10)})
	if _, err := w.client.Child(t.Context(), w.tag(t, "app"), desc.Digest); err != nil {
		t.Fatal(err)
	}
	if reads := w.faults.Matching(faultregistry.ChildRead); len(reads) != 3 {
		t.Errorf("reads: %v", reads)
	}
}

func TestChildRefusesWhatIsNotTheImage(t *testing.T) {
	other := func(header digest.Digest, mediaType, body string) faultregistry.Action {
		return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", mediaType)
			if header != "" {
				w.Header().Set("Docker-Content-Digest", header.String())
			}
			w.Write([]byte(body))
		}
	}
	index := `{"schemaVersion":2,"manifests":[]}`
	wanted := digest.FromString(index)
	for _, tt := range []struct {
		name string
		do   faultregistry.Action
		want string
	}{
		{"other bytes under the digest", other(wanted, ocispecs.MediaTypeImageManifest, "other"), "mismatch"},
		{"other bytes and no digest", other("", ocispecs.MediaTypeImageManifest, "other"), "mismatch"},
		{"another digest", other(digest.FromString("x"), ocispecs.MediaTypeImageManifest, "x"), "mismatch"},
		{"an index", other(wanted, ocispecs.MediaTypeImageIndex, index), "not an image manifest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.faults.Add(faultregistry.Fault{Match: faultregistry.ChildRead, Do: tt.do})
			if _, err := w.client.Child(t.Context(), w.tag(t, "app"), wanted); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestResolveSaysWhatATagNames(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault faultregistry.Fault
	}{
		{"from the headers", faultregistry.Fault{Times: 0, Match: faultregistry.On("NONE", ""), Do: faultregistry.Hide}},
		{"from the bytes when the registry sends no digest", faultregistry.Fault{Match: faultregistry.TagRead, Do: withoutDigest}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			desc, body := image(t, manifest.MediaTypeDockerManifest, "linux/amd64")
			w.put(t, "/v2/app/manifests/v1", desc.MediaType, body)
			w.faults.Add(tt.fault)
			got, err := w.client.Resolve(t.Context(), w.tag(t, "app:v1"))
			if err != nil {
				t.Fatal(err)
			}
			if got.Digest != desc.Digest || got.MediaType != desc.MediaType || got.Size != desc.Size {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func withoutDigest(w http.ResponseWriter, req *http.Request, next http.Handler) {
	next.ServeHTTP(hideDigest{w}, req)
}

type hideDigest struct{ http.ResponseWriter }

func (h hideDigest) WriteHeader(status int) {
	h.Header().Del("Docker-Content-Digest")
	h.ResponseWriter.WriteHeader(status)
}

func TestResolveTakesNoTagForLatestAndFindsADigest(t *testing.T) {
	w := newWorld(t, nil, nil)
	desc, body := image(t, ocispecs.MediaTypeImageManifest, "linux/amd64")
	w.put(t, "/v2/app/manifests/latest", desc.MediaType, body)
	named, _ := reference.ParseNormalizedNamed(w.host + "/app")
	byDigest, _ := reference.WithDigest(named, desc.Digest)
	for _, ref := range []reference.Named{named, byDigest} {
		if got, err := w.client.Resolve(t.Context(), ref); err != nil || got.Digest != desc.Digest {
			t.Errorf("%s: got %v, %v", ref, got.Digest, err)
		}
	}
	if _, err := w.client.Resolve(t.Context(), w.tag(t, "app:none")); !errors.Is(err, manifest.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
