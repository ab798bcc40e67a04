package merge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// fixture has a registry, and a client of it.
type fixture struct {
	t       *testing.T
	backend http.Handler // without faults
	faults  *faultregistry.Registry
	host    string
	client  *manifest.Client

	mu    sync.Mutex
	notes []string
	pause func() // the effects of other writers
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	w := &fixture{t: t, backend: registry.New(registry.Logger(log.New(io.Discard, "", 0))), pause: func() {}}
	w.faults = faultregistry.New(w.backend)
	server := httptest.NewServer(w.faults)
	t.Cleanup(server.Close)
	w.host = strings.TrimPrefix(server.URL, "http://")
	w.client = manifest.New(manifest.Options{Settle: time.Millisecond, Retry: manifest.Retry{MaxWait: -1}})
	return w
}

func (w *fixture) name(text string) reference.NamedTagged {
	w.t.Helper()
	named, err := reference.ParseNormalizedNamed(w.host + "/" + text)
	if err != nil {
		w.t.Fatal(err)
	}
	return reference.TagNameOnly(named).(reference.NamedTagged)
}

// blob puts a blob into a repository.
func (w *fixture) blob(repo, mediaType string, content []byte) ocispecs.Descriptor {
	desc := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(content), Size: int64(len(content))}
	req := httptest.NewRequest(http.MethodPost, "/v2/"+repo+"/blobs/uploads/?digest="+desc.Digest.String(), bytes.NewReader(content))
	answer := httptest.NewRecorder()
	w.backend.ServeHTTP(answer, req)
	if answer.Code != http.StatusCreated {
		w.t.Fatalf("blob: %d %s", answer.Code, answer.Body)
	}
	return desc
}

// image puts an image of a family into a repository. mark distinguishes it from others for its platform.
func (w *fixture) image(repo, name, mark string, family manifest.Family) ocispecs.Descriptor {
	w.t.Helper()
	ps, _, err := platform.Parse(name)
	if err != nil {
		w.t.Fatal(err)
	}
	config, _ := json.Marshal(ocispecs.Image{Platform: ps[0]})
	types := []string{ocispecs.MediaTypeImageConfig, ocispecs.MediaTypeImageLayerGzip}
	if family == manifest.Docker {
		types = []string{"application/vnd.docker.container.image.v1+json", "application/vnd.docker.image.rootfs.diff.tar.gzip"}
	}
	desc := w.manifest(repo, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: family.ManifestMediaType(),
		Config: w.blob(repo, types[0], config), Layers: []ocispecs.Descriptor{w.blob(repo, types[1], []byte(mark+name))},
	})
	desc.Platform = &ps[0]
	return desc
}

func (w *fixture) manifest(repo string, m ocispecs.Manifest) ocispecs.Descriptor {
	body, _ := json.Marshal(m)
	desc := ocispecs.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(body), Size: int64(len(body))}
	faultregistry.Put(w.backend, "/v2/"+repo+"/manifests/"+desc.Digest.String(), desc.MediaType, body)
	return desc
}

// attestation makes an attestation of an image.
func (w *fixture) attestation(repo string, of ocispecs.Descriptor) ocispecs.Descriptor {
	desc := w.manifest(repo, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: w.blob(repo, ocispecs.MediaTypeEmptyJSON, []byte("{}")),
		Layers: []ocispecs.Descriptor{w.blob(repo, "application/vnd.in-toto+json", []byte(of.Digest))},
	})
	desc.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.Digest.String()}
	return desc
}

// index puts an index into a repository under a tag.
func (w *fixture) index(repo, tag string, children ...ocispecs.Descriptor) digest.Digest {
	w.t.Helper()
	family := manifest.FamilyOf(children[0].MediaType)
	_, body, err := manifest.Index(children, manifest.IndexOptions{Family: family})
	if err != nil {
		w.t.Fatal(err)
	}
	faultregistry.Put(w.backend, "/v2/"+repo+"/manifests/"+tag, family.IndexMediaType(), body)
	return digest.FromBytes(body)
}

// at returns the index of a tag.
func (w *fixture) at(repo, tag string) (digest.Digest, ocispecs.Index) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	w.backend.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v2/"+repo+"/manifests/"+tag, nil))
	var index ocispecs.Index
	if answer.Code == http.StatusOK {
		if err := json.Unmarshal(answer.Body.Bytes(), &index); err != nil {
			w.t.Fatal(err)
		}
	}
	return digest.Digest(answer.Header().Get("Docker-Content-Digest")), index
}

// platforms returns the platforms of an index. An attestation has "unknown".
func platforms(index ocispecs.Index) (names []string) {
	for _, m := range index.Manifests {
		names = append(names, platform.Format(*m.Platform))
	}
	return names
}

func (w *fixture) parse(words ...string) []merge.Argument {
	w.t.Helper()
	parsed, err := merge.Parse(w.t.Context(), words)
	if err != nil {
		w.t.Fatal(err)
	}
	return parsed
}

// merge reads the inputs, and merges them according to the request.
func (w *fixture) merge(req merge.Request, words ...string) (merge.Result, error) {
	w.t.Helper()
	req.Registry = w.client
	req.Note = func(line string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notes = append(w.notes, line)
	}
	req.Pause = func(context.Context, time.Duration) error {
		w.pause()
		return nil
	}
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "HOST", w.host)
	}
	var err error
	if req.Inputs, req.Looks, err = merge.Read(w.t.Context(), w.client, w.parse(words...), req.Tags...); err != nil {
		return merge.Result{}, err
	}
	return merge.Merge(w.t.Context(), req)
}

func (w *fixture) noted(parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !slices.ContainsFunc(w.notes, func(line string) bool { return strings.Contains(line, part) }) {
			w.t.Errorf("no note says %q: %q", part, w.notes)
		}
	}
}

// writes returns the manifests that were written through the faults: tags by their names, others as "digest".
func (w *fixture) writes() (names []string) {
	for _, r := range w.faults.Requests() {
		if r.Method != http.MethodPut || !strings.Contains(r.Path, "/manifests/") || r.Status != http.StatusCreated {
			continue
		}
		name := r.Path[strings.LastIndex(r.Path, "/")+1:]
		if strings.HasPrefix(name, "sha256:") {
			name = "digest"
		}
		names = append(names, name)
	}
	return names
}
