package cachejoin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/registry"
	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// world is a registry with a cache's tag.
type world struct {
	t      testing.TB
	place  Tag
	Now    time.Time
	before func(*http.Request) int // if not nil and its result not 0, it is the answer's status

	mu    sync.Mutex
	notes []string
	puts  int // of the tag
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t}
	backend := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		before := w.before
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/manifests/cache") {
			w.puts++
		}
		w.mu.Unlock()
		if before != nil {
			if status := before(r); status != 0 {
				rw.WriteHeader(status)
				return
			}
		}
		backend.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	w.Now = day
	w.place = Tag{Registry: client(), Tag: named(t, strings.TrimPrefix(server.URL, "http://")+"/app:cache"), LookAgain: 20 * time.Millisecond}
	return w
}

func (w *world) target() Target {
	return Target{Place: w.place, Now: w.Now, Note: func(d diag.Diagnostic) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notes = append(w.notes, d.Shown())
	}}
}

func client() *manifest.Client {
	return manifest.New(manifest.Options{Settle: 100 * time.Millisecond, Retry: manifest.Retry{MaxWait: -1}})
}

func named(t testing.TB, ref string) reference.NamedTagged {
	t.Helper()
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		t.Fatal(err)
	}
	return named.(reference.NamedTagged)
}

// push writes a manifest and its blobs under a tag, as BuildKit's export does.
func (w *world) push(tag, mediaType string, body []byte, all index.Bodies) digest.Digest {
	w.t.Helper()
	desc := described(mediaType, digest.FromBytes(body), int64(len(body)))
	all[desc.Digest] = body
	repo := reference.TrimNamed(w.place.Tag)
	if err := w.place.Registry.Upload(w.t.Context(), repo, desc, all); err != nil {
		w.t.Fatal(err)
	}
	to := named(w.t, repo.String()+":"+tag)
	if _, err := w.place.Registry.Publish(w.t.Context(), manifest.PublishRequest{Targets: []reference.NamedTagged{to}, Descriptor: desc, Body: body}); err != nil {
		w.t.Fatal(err)
	}
	return desc.Digest
}

// export is a node's export of steps, each of which has a layer and depends on the one before.
func (w *world) export(tag, node string, steps ...string) Export {
	w.t.Helper()
	config, layers, all := exported(steps)
	body, _ := json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: config, Layers: layers,
	})
	return Export{Node: node, Manifest: w.push(tag, ocispecs.MediaTypeImageManifest, body, all)}
}

// exported returns the descriptors and the blobs of an export.
func exported(steps []string) (config ocispecs.Descriptor, layers []ocispecs.Descriptor, all index.Bodies) {
	var c types.CacheConfig
	all = index.Bodies{}
	for i, step := range steps {
		c.Layers = append(c.Layers, layer(step, i-1))
		if c.Records = append(c.Records, record(step, i)); i > 0 {
			c.Records[i] = record(step, i, i-1)
		}
		all[digest.FromString(step)] = []byte(step)
		layers = append(layers, described(ocispecs.MediaTypeImageLayerGzip, digest.FromString(step), int64(len(step))))
	}
	body, _ := json.Marshal(c)
	config = described(types.CacheConfigMediaTypeV0, digest.FromBytes(body), int64(len(body)))
	all[config.Digest] = body
	return config, layers, all
}

func (w *world) join(exports ...Export) {
	w.t.Helper()
	if err := w.target().Join(w.t.Context(), exports); err != nil {
		w.t.Fatal(err)
	}
}

// has fails the test unless the tag has shares of these nodes, and the results of exactly these steps.
func (w *world) has(nodes string, steps ...string) {
	w.t.Helper()
	now, marks, err := w.target().read(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, m := range marks {
		got = append(got, m.node)
	}
	if fmt.Sprint(got) != nodes {
		w.t.Errorf("the shares of %q, want %s", got, nodes)
	}
	s, err := now.share(w.t.Context(), now.src, mark{config: now.config})
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]int{}
	for _, r := range s.Config.Records {
		for _, l := range layersOf(r) {
			blob := s.Config.Layers[l].Blob
			if _, ok := now.blobs[blob]; !ok {
				w.t.Errorf("the manifest lacks the layer %s", blob)
			}
			if r.Digest == blob { // a step and its layer have the same name
				found[blob.String()]++
			}
		}
	}
	for _, step := range steps {
		if found[digest.FromString(step).String()] != 1 {
			w.t.Errorf("the cache has %d results of step %q", found[digest.FromString(step).String()], step)
		}
	}
	if len(found) != len(steps) {
		w.t.Errorf("%d steps have results, want %d", len(found), len(steps))
	}
}

func TestAShareReplacesTheOneOfItsNodeOnly(t *testing.T) {
	w := newWorld(t)
	w.join(w.export("cache-amd", "amd", "base", "amd"), w.export("cache-arm", "arm", "base", "arm"))
	w.has("[amd arm]", "base", "amd", "arm")
	w.Now = day.Add(time.Hour)
	w.join(w.export("cache-amd", "amd", "base", "amd2"))
	w.has("[amd arm]", "base", "amd2", "arm")
	writes := w.puts
	w.Now = day.Add(2 * time.Hour)
	w.join(w.export("cache-amd", "amd", "base", "amd2"))
	if w.puts != writes {
		t.Errorf("the tag was written although nothing had changed: %d writes", w.puts-writes)
	}
	w.Now = day.Add(48 * time.Hour)
	w.join(w.export("cache-amd", "amd", "base", "amd2"))
	if w.puts != writes+1 {
		t.Errorf("the mark was not renewed: %d writes", w.puts-writes)
	}
}

func TestACacheThatBuildKitExportedStaysAsAShareWithoutANode(t *testing.T) {
	w := newWorld(t)
	w.export("cache", "", "old")
	w.join(w.export("cache-amd", "amd", "new"))
	w.has("[ amd]", "old", "new")
}

func TestACacheInTheFormOfAnIndexIsRead(t *testing.T) {
	for _, mediaType := range []string{ocispecs.MediaTypeImageIndex, manifest.MediaTypeDockerList} {
		config, layers, _ := exported([]string{"base", "make"})
		body, _ := json.Marshal(ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: mediaType, Manifests: append(layers, config)})
		l, ok, err := readListing(mediaType, body)
		if err != nil || !ok || len(l.blobs) != 2 || l.config.Digest != config.Digest {
			t.Errorf("%s: %v, %v", mediaType, err, l)
		}
	}
}

func TestNothingIsReadWhereNothingIs(t *testing.T) {
	w := newWorld(t)
	e := w.export("cache-amd", "amd", "amd")
	w.before = func(r *http.Request) int { // as registries that hide what a client may not see
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/manifests/cache") {
			return http.StatusForbidden
		}
		return 0
	}
	if err := w.target().Check(t.Context()); err != nil {
		t.Error(err)
	}
	w.join(e)
	w.has("[amd]", "amd")
}

func TestOldSharesAndThoseAboveTheLimitAreDropped(t *testing.T) {
	w := newWorld(t)
	w.join(w.export("cache-old", "old", "old"))
	w.Now = day.Add(maxAge - time.Hour)
	w.join(w.export("cache-amd", "amd", "amd"))
	w.has("[amd old]", "amd", "old")
	w.Now = day.Add(maxAge + time.Hour)
	w.join(w.export("cache-arm", "arm", "arm"))
	w.has("[amd arm]", "amd", "arm")
	for i := range maxShares {
		w.Now = w.Now.Add(time.Minute)
		w.join(w.export("cache-x", fmt.Sprint("x", i), fmt.Sprint("x", i)))
	}
	_, marks, err := w.target().read(t.Context())
	if err != nil || len(marks) != maxShares+1 || configOf(marks, "amd") != "" || configOf(marks, "x0") == "" {
		t.Errorf("%v: %d shares", err, len(marks))
	}
}

func TestSharesThatDoNotFitAreDroppedFromTheOldestOn(t *testing.T) {
	big := func(node string, records int) Share {
		s := Share{Node: node, Source: described("x", digest.FromString(node), 1)}
		for i := range records {
			s.Config.Records = append(s.Config.Records, record(fmt.Sprint(node, i), -1))
		}
		return s
	}
	mine, newer, older := big("mine", 5000), big("newer", 4000), big("older", 4000)
	_, left, err := fitting([]Share{mine}, []Share{newer, older})
	if err != nil || len(left) != 1 || left[0].Node != "older" {
		t.Errorf("%v: %d shares do not fit", err, len(left))
	}
	if _, _, err := fitting([]Share{big("mine", 15000)}, nil); err == nil || !strings.Contains(err.Error(), "1048576") {
		t.Errorf("got %v", err)
	}
}

func TestALayerThatTheRepositoryLostIsDropped(t *testing.T) {
	w := newWorld(t)
	w.join(w.export("cache-arm", "arm", "base", "lost", "last"))
	w.place.Registry = client() // another process
	w.before = func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, digest.FromString("lost").String()) {
			return http.StatusNotFound
		}
		return 0
	}
	w.join(w.export("cache-amd", "amd", "amd"))
	w.has("[amd arm]", "amd", "base")
}

func TestAShareThatCannotBeReadIsDroppedWithAWarning(t *testing.T) {
	for what, config := range map[string]string{
		"its config: record 0 depends on itself": `{"records":[{"digest":"x","inputs":[[{"link":0}]]}]}`,
		"and BuildKit reads 1048576":             strings.Repeat(" ", maxRead) + "{}",
	} {
		w := newWorld(t)
		m := ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest}
		m.Config = described(types.CacheConfigMediaTypeV0, digest.FromString(config), int64(len(config)))
		body, _ := json.Marshal(m)
		w.push("cache", m.MediaType, body, index.Bodies{m.Config.Digest: []byte(config)})
		w.join(w.export("cache-amd", "amd", "amd"))
		w.has("[amd]", "amd")
		if text := fmt.Sprint(w.notes); len(w.notes) != 1 || !strings.Contains(text, what) || !strings.Contains(text, w.place.Tag.String()) {
			t.Errorf("%q", w.notes)
		}
	}
}

func TestARegistryThatDoesNotAnswerDropsNoShare(t *testing.T) {
	w := newWorld(t)
	w.join(w.export("cache-arm", "arm", "arm"))
	e := w.export("cache-amd", "amd", "amd")
	_, marks, _ := w.target().read(t.Context())
	w.place.Registry = client()
	w.before = func(r *http.Request) int {
		if strings.HasSuffix(r.URL.Path, marks[0].config.Digest.String()) {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := w.target().Join(t.Context(), []Export{e}); err == nil {
		t.Error("it was joined")
	}
	w.before = nil
	w.has("[arm]", "arm")
}

func TestAnImageIsNotReplaced(t *testing.T) {
	config := []byte(`{"os":"linux"}`)
	image, _ := json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: described(ocispecs.MediaTypeImageConfig, digest.FromBytes(config), int64(len(config))),
	})
	list, _ := json.Marshal(ocispecs.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex,
		Manifests: []ocispecs.Descriptor{described(ocispecs.MediaTypeImageManifest, digest.FromBytes(image), int64(len(image)))},
	})
	all := index.Bodies{digest.FromBytes(config): config, digest.FromBytes(image): image}
	for mediaType, body := range map[string][]byte{ocispecs.MediaTypeImageManifest: image, ocispecs.MediaTypeImageIndex: list} {
		w := newWorld(t)
		e := w.export("cache-amd", "amd", "amd")
		if err := w.target().Check(t.Context()); err != nil {
			t.Errorf("nothing is there: %v", err)
		}
		is := w.push("cache", mediaType, body, all)
		for _, err := range []error{w.target().Check(t.Context()), w.target().Join(t.Context(), []Export{e})} {
			if refused, ok := errors.AsType[*NotCacheError](err); !ok || refused.Ref != w.place.String() {
				t.Errorf("got %v", err)
			}
		}
		if desc, err := w.place.Registry.Resolve(t.Context(), w.place.Tag); err != nil || desc.Digest != is {
			t.Errorf("%v: the tag names %s", err, desc.Digest)
		}
	}
}

func TestBuildsThatExportAtOnceLoseNothing(t *testing.T) {
	w := newWorld(t)
	var joining sync.WaitGroup
	var steps, nodes []string
	w.place.LookAgain = LookAgain
	for i := range 4 {
		name := fmt.Sprint("node", i)
		nodes, steps = append(nodes, name), append(steps, "step of "+name)
		e := w.export("cache-"+name, name, "step of "+name)
		place := w.place
		place.Registry = client()
		target := Target{place, w.target().Note, day}
		joining.Go(func() {
			if err := target.Join(context.WithoutCancel(t.Context()), []Export{e}); err != nil {
				t.Error(err)
			}
		})
	}
	joining.Wait()
	w.has(fmt.Sprint(nodes), steps...)
}

func TestAShareThatIsReplacedUnseenIsWrittenAgain(t *testing.T) {
	w := newWorld(t)
	other := w.export("cache-arm", "arm", "arm")
	mine := w.export("cache-amd", "amd", "amd")
	late, written := Target{Tag{client(), w.place.Tag, 1}, w.target().Note, day}, false
	w.place.Registry = client()
	w.before = func(r *http.Request) int {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/manifests/cache") || written {
			return 0
		}
		written = true // our own request has compared the tag: the other build writes before it arrives
		if err := late.Join(context.WithoutCancel(t.Context()), []Export{other}); err != nil {
			t.Error(err)
		}
		return 0
	}
	w.join(mine)
	now, marks, err := w.target().read(t.Context())
	if err != nil || configOf(marks, "amd") == "" {
		t.Fatalf("%v: %s has shares %v", err, now.digest, marks)
	}
	// The other one finds that its share is gone, and writes it again.
	if err := late.stays(t.Context(), []Share{{Node: "arm", Source: described("x", digest.FromString("x"), 1)}}, nil); !errors.Is(err, errMoved) {
		t.Errorf("the other build does not notice: %v", err)
	}
	w.join(other)
	w.has("[amd arm]", "amd", "arm")
}
