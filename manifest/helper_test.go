package manifest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
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
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// The names that the tests use are in no name server, whose answer would take seconds.
func init() {
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("tests ask no name server")
	}}
}

// fakeClock is a clock that advances only while a caller sleeps.
type fakeClock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
	onNap func() // called in every sleep
}

func newClock() *fakeClock { return &fakeClock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	nap := c.onNap
	c.mu.Unlock()
	if nap != nil {
		nap()
	}
	return context.Cause(ctx)
}

func (c *fakeClock) naps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

func (c *fakeClock) total() time.Duration {
	var sum time.Duration
	for _, d := range c.naps() {
		sum += d
	}
	return sum
}

// world is a registry with faults, and a client of it.
type world struct {
	faults  *faultregistry.Registry
	backend http.Handler // without faults
	host    string
	clock   *fakeClock
	client  *manifest.Client
}

// newWorld starts an empty registry; wrap puts handlers (a login) between the faults and the registry, tune changes the options.
func newWorld(t *testing.T, wrap func(http.Handler) http.Handler, tune func(*manifest.Options)) world {
	t.Helper()
	backend := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	front := backend
	if wrap != nil {
		front = wrap(backend)
	}
	w := world{faults: faultregistry.New(front), backend: backend, clock: newClock()}
	server := httptest.NewServer(w.faults)
	t.Cleanup(server.Close)
	w.host = strings.TrimPrefix(server.URL, "http://")
	opt := manifest.Options{
		Clock: manifest.Clock{Now: w.clock.Now, Sleep: w.clock.Sleep},
		Retry: manifest.Retry{Random: func() float64 { return 0 }},
	}
	if tune != nil {
		tune(&opt)
	}
	w.client = manifest.New(opt)
	return w
}

func (w world) tag(t *testing.T, name string) reference.NamedTagged {
	t.Helper()
	named, err := reference.ParseNormalizedNamed(w.host + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return reference.TagNameOnly(named).(reference.NamedTagged)
}

// image is a small image manifest for a platform.
func image(t *testing.T, mediaType, platform string) (ocispecs.Descriptor, []byte) {
	t.Helper()
	body, err := json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: mediaType,
		Config:    ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageConfig, Digest: digest.FromString("config " + platform), Size: 1000},
		Layers: []ocispecs.Descriptor{
			{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString("base " + platform), Size: 20000},
			{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: digest.FromString("app " + platform), Size: 300000},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	parts := append(strings.Split(platform, "/"), "")
	return ocispecs.Descriptor{
		MediaType: mediaType, Digest: digest.FromBytes(body), Size: int64(len(body)),
		Platform: &ocispecs.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]},
	}, body
}

// push writes images into a repository, behind the faults, as a builder would, and returns their descriptors.
func (w world) push(t *testing.T, repo string, platforms ...string) []ocispecs.Descriptor {
	t.Helper()
	var children []ocispecs.Descriptor
	for _, p := range platforms {
		desc, body := image(t, ocispecs.MediaTypeImageManifest, p)
		w.put(t, fmt.Sprintf("/v2/%s/manifests/%s", repo, desc.Digest), desc.MediaType, body)
		children = append(children, desc)
	}
	return children
}

func (w world) put(t *testing.T, path, mediaType string, body []byte) {
	t.Helper()
	faultregistry.Put(w.backend, path, mediaType, body)
}

// get reads a manifest behind the faults; the digest is empty if there is none.
func (w world) get(repo, name string) digest.Digest {
	answer := httptest.NewRecorder()
	w.backend.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v2/"+repo+"/manifests/"+name, nil))
	return digest.Digest(answer.Header().Get("Docker-Content-Digest"))
}

// request returns a request to publish an index of the children.
func request(t *testing.T, children []ocispecs.Descriptor, targets ...reference.NamedTagged) manifest.PublishRequest {
	t.Helper()
	desc, body, err := manifest.Index(children, manifest.IndexOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return manifest.PublishRequest{Targets: targets, Descriptor: desc, Body: body}
}

func states(results []manifest.TagResult) []manifest.State {
	var all []manifest.State
	for _, r := range results {
		all = append(all, r.State)
	}
	return all
}
