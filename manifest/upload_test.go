package manifest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// shelf is the source of uploads.
type shelf struct {
	*memory.Store
	t *testing.T
}

func (s shelf) put(mediaType string, v any) ocispecs.Descriptor {
	s.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	desc := content.NewDescriptorFromBytes(mediaType, body)
	if ok, _ := s.Exists(context.Background(), desc); !ok {
		if err := s.Push(context.Background(), desc, bytes.NewReader(body)); err != nil {
			s.t.Fatal(err)
		}
	}
	return desc
}

func (s shelf) image(arch string) ocispecs.Descriptor {
	s.t.Helper()
	desc := s.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: s.put(ocispecs.MediaTypeImageConfig, "config "+arch),
		Layers: []ocispecs.Descriptor{s.put(ocispecs.MediaTypeImageLayer, "base"), s.put(ocispecs.MediaTypeImageLayer, "app "+arch)},
	})
	desc.Platform = &ocispecs.Platform{OS: "linux", Architecture: arch}
	return desc
}

// attestation is about an image; only an artifact names its subject in its own manifest.
func (s shelf) attestation(of ocispecs.Descriptor, artifact bool) ocispecs.Descriptor {
	s.t.Helper()
	m := ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: s.put(ocispecs.MediaTypeEmptyJSON, struct{}{}),
		Layers: []ocispecs.Descriptor{s.put("application/vnd.in-toto+json", "about "+of.Digest.String())},
	}
	if artifact {
		m.Subject = &ocispecs.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}
	}
	desc := s.put(ocispecs.MediaTypeImageManifest, m)
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String()}
	return desc
}

// app is an index of two images with an attestation each, the attestations first, and the manifests' names.
func app(t *testing.T) (shelf, ocispecs.Descriptor, map[digest.Digest]string) {
	t.Helper()
	s := shelf{memory.New(), t}
	amd, arm := s.image("amd64"), s.image("arm64")
	one, two := s.attestation(amd, true), s.attestation(arm, false)
	root := s.put(ocispecs.MediaTypeImageIndex, ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex, Manifests: []ocispecs.Descriptor{one, two, amd, arm},
	})
	return s, root, map[digest.Digest]string{
		amd.Digest: "amd64", arm.Digest: "arm64", one.Digest: "about amd64", two.Digest: "about arm64", root.Digest: "index",
	}
}

// written returns the manifests that were written, in order.
func (w world) written(names map[digest.Digest]string) (order []string) {
	for _, r := range w.faults.Requests() {
		if _, d, ok := strings.Cut(r.Path, "/manifests/"); ok && r.Method == http.MethodPut {
			order = append(order, names[digest.Digest(d)])
		}
	}
	return order
}

func TestUploadWritesSubjectsBeforeAttestationsAndTheIndexLast(t *testing.T) {
	w := newWorld(t, nil, nil)
	src, root, names := app(t)
	if err := w.client.Upload(t.Context(), w.tag(t, "app"), root, src); err != nil {
		t.Fatal(err)
	}
	order := w.written(names)
	at := func(name string) int { return slices.Index(order, name) }
	if len(order) != 5 || at("index") != 4 || at("about amd64") < at("amd64") || at("about arm64") < at("arm64") {
		t.Errorf("the order is %q", order)
	}
	if got := w.get("app", root.Digest.String()); got != root.Digest {
		t.Errorf("the index is %q", got)
	}
	if tags := w.faults.Matching(faultregistry.TagPut); len(tags) != 0 {
		t.Errorf("tags were written: %q", tags)
	}
	// 3 layers, 2 configurations, an empty one, 2 statements
	if blobs := w.faults.Matching(faultregistry.On(http.MethodPut, "/blobs/uploads/")); len(blobs) != 8 {
		t.Errorf("%d blobs: %q", len(blobs), blobs)
	}
}

func TestUploadSendsNothingThatIsThere(t *testing.T) {
	w := newWorld(t, nil, nil)
	src, root, _ := app(t)
	for range 2 {
		w.faults.Forget()
		if err := w.client.Upload(t.Context(), w.tag(t, "app"), root, src); err != nil {
			t.Fatal(err)
		}
	}
	// The index, and the 4 manifests that it names: a registry may have lost one. No blob is looked up.
	if got := w.faults.Matching(faultregistry.On(http.MethodHead, "/manifests/")); len(got) != 5 || len(w.faults.Requests()) != 5 {
		t.Errorf("the second time it asked %v", w.faults.Requests())
	}
	w.faults.Forget()
	more := src.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: src.put(ocispecs.MediaTypeImageConfig, "config new"),
		Layers: []ocispecs.Descriptor{src.put(ocispecs.MediaTypeImageLayer, "base"), src.put(ocispecs.MediaTypeImageLayer, "new")},
	})
	if err := w.client.Upload(t.Context(), w.tag(t, "app"), more, src); err != nil {
		t.Fatal(err)
	}
	if blobs := w.faults.Matching(faultregistry.On(http.MethodPut, "/blobs/uploads/")); len(blobs) != 2 {
		t.Errorf("of a configuration and a layer that are new, it sent %q", blobs)
	}
}

func TestUploadTakesBlobsFromARepositoryThatHasThem(t *testing.T) {
	w := newWorld(t, nil, nil)
	src, root, _ := app(t)
	for _, repo := range []string{"app", "team/app"} {
		w.faults.Forget()
		if err := w.client.Upload(t.Context(), w.tag(t, repo), root, src); err != nil {
			t.Fatal(err)
		}
	}
	if sent := w.faults.Matching(faultregistry.On(http.MethodPut, "/blobs/uploads/")); len(sent) != 0 {
		t.Errorf("it sent %q", sent)
	}
	if got := w.get("team/app", root.Digest.String()); got != root.Digest {
		t.Errorf("the index is %q", got)
	}
}

func TestUploadSendsWhatCannotBeMounted(t *testing.T) {
	for name, do := range map[string]faultregistry.Action{
		"refused": faultregistry.Answer(403, "DENIED", ""),
		"ignored": func(w http.ResponseWriter, req *http.Request, next http.Handler) {
			req.URL.RawQuery = ""
			next.ServeHTTP(w, req)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPost, "/team/"), Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
				if req.URL.Query().Has("mount") {
					do(rw, req, next)
					return
				}
				next.ServeHTTP(rw, req)
			}})
			src, root, _ := app(t)
			for _, repo := range []string{"app", "team/app"} {
				if err := w.client.Upload(t.Context(), w.tag(t, repo), root, src); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.get("team/app", root.Digest.String()); got != root.Digest {
				t.Errorf("the index is %q", got)
			}
		})
	}
}

func TestAnUploadThatBreaksIsBegunAnew(t *testing.T) {
	for name, do := range map[string]faultregistry.Action{
		"reset": faultregistry.Reset, "503": faultregistry.Answer(503, "", ""), "forgotten": faultregistry.Answer(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/blobs/uploads/"), Skip: 2, Times: 2, Do: do})
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/"), Skip: 1, Times: 2, Do: faultregistry.Reset})
			src, root, _ := app(t)
			if err := w.client.Upload(t.Context(), w.tag(t, "app"), root, src); err != nil {
				t.Fatal(err)
			}
			if got := w.get("app", root.Digest.String()); got != root.Digest {
				t.Errorf("the index is %q", got)
			}
			if naps := w.clock.naps(); len(naps) < 4 {
				t.Errorf("it waited %v", naps)
			}
		})
	}
}

func TestAnUploadThatStaysBrokenEndsWithTheRegistrysAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		do   faultregistry.Action
		kind error
		want string
	}{
		"overloaded": {faultregistry.Answer(503, "", ""), manifest.ErrUnreachable, "503 Service Unavailable (attempt "},
		"denied":     {faultregistry.Answer(403, "DENIED", "no"), manifest.ErrDenied, "DENIED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/blobs/uploads/"), Do: tt.do})
			src := shelf{memory.New(), t}
			err := w.client.Upload(t.Context(), w.tag(t, "app"), src.image("amd64"), src)
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `push to "`+w.host+`/app"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// wrong returns other bytes for some blobs.
type wrong struct {
	content.Fetcher
	body string
}

func (f wrong) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.MediaType != ocispecs.MediaTypeImageLayer {
		return f.Fetcher.Fetch(ctx, desc)
	}
	return io.NopCloser(strings.NewReader(f.body)), nil
}

func TestASourceThatIsBrokenIsNotTheRegistrysFault(t *testing.T) {
	for name, body := range map[string]string{"other": `"bAse"`, "short": `"b`} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			src := shelf{memory.New(), t}
			err := w.client.Upload(t.Context(), w.tag(t, "app"), src.image("amd64"), wrong{src, body})
			if err == nil || errors.As(err, new(*manifest.Error)) || len(w.clock.naps()) != 0 {
				t.Errorf("after %v: %v", w.clock.naps(), err)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		w := newWorld(t, nil, nil)
		gone := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 4}
		err := w.client.Upload(t.Context(), w.tag(t, "app"), gone, memory.New())
		if err == nil || errors.As(err, new(*manifest.Error)) {
			t.Errorf("got %v", err)
		}
	})
}

// slow returns a blob byte by byte, and reports each.
type slow struct {
	content.Fetcher
	read func()
}

func (f slow) Fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	rc, err := f.Fetcher.Fetch(ctx, desc)
	if desc.MediaType != ocispecs.MediaTypeImageLayer || err != nil {
		return rc, err
	}
	return slowBody{rc, f.read}, nil
}

type slowBody struct {
	io.ReadCloser
	read func()
}

func (b slowBody) Read(p []byte) (int, error) {
	b.read()
	return b.ReadCloser.Read(p[:1])
}

func TestALongUploadIsNoSilence(t *testing.T) {
	const silence = 100 * time.Millisecond
	w := newWorld(t, nil, func(o *manifest.Options) { o.Retry.Silence, o.Retry.MaxWait = silence, -1 })
	src := shelf{memory.New(), t}
	long := src.put(ocispecs.MediaTypeImageLayer, strings.Repeat("x", 20))
	var reads atomic.Int32
	tick := time.NewTicker(silence / 8)
	defer tick.Stop()
	// Alone: the test's registry takes one blob at a time, and other requests would wait for the slow one.
	err := w.client.Upload(t.Context(), w.tag(t, "app"), long, slow{src, func() {
		reads.Add(1)
		<-tick.C
	}})
	if err != nil || reads.Load() < 20 {
		t.Errorf("after %d reads: %v", reads.Load(), err)
	}
}

func TestACancelledUploadEndsAtOnce(t *testing.T) {
	w := newWorld(t, nil, nil)
	src, root, names := app(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/blobs/"), Skip: 1, Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
		cancel(why)
		faultregistry.Hang(rw, req, next)
	}})
	err := w.client.Upload(ctx, w.tag(t, "app"), root, src)
	if !errors.Is(err, why) || slices.Contains(w.written(names), "index") {
		t.Errorf("got %v; written: %q", err, w.written(names))
	}
}

func TestAnUploadedIndexIsPublished(t *testing.T) {
	w := newWorld(t, nil, nil)
	src, root, _ := app(t)
	rc, err := src.Fetch(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	tag := w.tag(t, "app:v1")
	if err := w.client.Upload(t.Context(), tag, root, src); err != nil {
		t.Fatal(err)
	}
	results, err := w.client.Publish(t.Context(), manifest.PublishRequest{Targets: []reference.NamedTagged{tag}, Descriptor: root, Body: body})
	if d := cmp.Diff([]manifest.State{manifest.Moved}, states(results)); d != "" || err != nil || w.get("app", "v1") != root.Digest {
		t.Error(err, d)
	}
}

func TestARefusedManifestSaysWhatTheRegistryProbablyDoesNotAccept(t *testing.T) {
	invalid := faultregistry.Answer(400, "MANIFEST_INVALID", "manifest invalid")
	for name, tt := range map[string]struct {
		refused func(body string) bool
		want    string
		oci     bool
	}{
		"OCI media types":        {func(string) bool { return true }, "may not accept OCI media types", true},
		"an empty configuration": {func(body string) bool { return strings.Contains(body, ocispecs.MediaTypeEmptyJSON) }, "empty configuration: leave this artifact out", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, nil)
			w.faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodPut, "/manifests/"), Do: func(rw http.ResponseWriter, req *http.Request, next http.Handler) {
				body, err := io.ReadAll(req.Body)
				if err != nil || tt.refused(string(body)) {
					invalid(rw, req, next)
					return
				}
				req.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(rw, req)
			}})
			src, root, _ := app(t)
			err := w.client.Upload(t.Context(), w.tag(t, "app"), root, src)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, manifest.ErrMediaType) != tt.oci {
				t.Errorf("got %v", err)
			}
		})
	}
}
