package draft_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// fixture has a registry, a store of drafts, and images.
type fixture struct {
	*memory.Store
	t      *testing.T
	host   string
	faults *faultregistry.Registry
	client *manifest.Client
	drafts draft.Store

	mu    sync.Mutex
	notes []string
}

func newFixture(t *testing.T) *fixture {
	b := &fixture{Store: memory.New(), t: t, drafts: draft.Store{Dir: t.TempDir()}}
	b.client = manifest.New(manifest.Options{Settle: time.Millisecond, Retry: manifest.Retry{MaxWait: -1}})
	b.host, b.faults = serve(t)
	return b
}

func serve(t *testing.T) (string, *faultregistry.Registry) {
	faults := faultregistry.New(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	server := httptest.NewServer(faults)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), faults
}

func (b *fixture) note(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, line)
}

func (b *fixture) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// list returns a name in the registry. A name with a host stays unchanged.
func (b *fixture) list(name string) reference.NamedTagged {
	b.t.Helper()
	if !strings.Contains(name, ".") {
		name = b.host + "/" + name
	}
	named, err := reference.ParseNormalizedNamed(name)
	b.check(err)
	return named.(reference.NamedTagged)
}

func (b *fixture) put(mediaType string, v any) ocispecs.Descriptor {
	b.t.Helper()
	body, err := json.Marshal(v)
	b.check(err)
	desc := content.NewDescriptorFromBytes(mediaType, body)
	if ok, _ := b.Exists(b.t.Context(), desc); !ok {
		b.check(b.Push(b.t.Context(), desc, bytes.NewReader(body)))
	}
	return desc
}

// image makes an image whose configuration has the platform os/arch[/variant], and unique content.
func (b *fixture) image(platform, own string) ocispecs.Descriptor {
	b.t.Helper()
	parts := append(strings.Split(platform, "/"), "", "")
	config := ocispecs.Image{Author: own, Platform: ocispecs.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}}
	return b.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
		Config: b.put(ocispecs.MediaTypeImageConfig, config),
		Layers: []ocispecs.Descriptor{b.put(ocispecs.MediaTypeImageLayer, own)},
	})
}

// attested makes an index of images, each with an attestation.
func (b *fixture) attested(platforms ...string) ocispecs.Descriptor {
	b.t.Helper()
	index := ocispecs.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageIndex}
	for _, p := range platforms {
		image := b.image(p, "attested")
		parts := strings.Split(p, "/")
		image.Platform = &ocispecs.Platform{OS: parts[0], Architecture: parts[1]}
		statement := b.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
			Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest,
			Config: b.put(ocispecs.MediaTypeImageConfig, "about "+p),
			Layers: []ocispecs.Descriptor{b.put("application/vnd.in-toto+json", "provenance of "+p)},
		})
		statement.Platform = &ocispecs.Platform{OS: "unknown", Architecture: "unknown"}
		statement.Annotations = map[string]string{
			"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.Digest.String(),
		}
		index.Manifests = append(index.Manifests, image, statement)
	}
	return b.put(ocispecs.MediaTypeImageIndex, index)
}

// tag makes a name refer to a descriptor in its registry.
func (b *fixture) tag(name string, desc ocispecs.Descriptor) {
	b.t.Helper()
	ref := b.list(name)
	b.check(b.client.Upload(b.t.Context(), reference.TrimNamed(ref), desc, b))
	body, err := content.FetchAll(b.t.Context(), b, desc)
	b.check(err)
	_, err = b.client.Publish(b.t.Context(), manifest.PublishRequest{Targets: []reference.NamedTagged{ref}, Descriptor: desc, Body: body})
	b.check(err)
}

func (b *fixture) create(amend bool, list string, images ...string) error {
	b.t.Helper()
	req := draft.CreateRequest{List: b.list(list), Amend: amend, Note: b.note}
	for _, image := range images {
		req.Images = append(req.Images, b.list(image))
	}
	return b.drafts.Create(b.t.Context(), b.client, req)
}

func (b *fixture) annotate(list, image string, a draft.PlatformChange) ([]string, error) {
	b.t.Helper()
	return b.drafts.Annotate(b.t.Context(), b.list(list), b.list(image), a)
}

func (b *fixture) push(list string, amend bool) error {
	b.t.Helper()
	ready, err := b.drafts.Prepare(b.t.Context(), b.client, draft.PushRequest{List: b.list(list), Amend: amend, Note: b.note})
	if err != nil {
		return err
	}
	if _, err = draft.Send(b.t.Context(), b.client, ready, b.note); err != nil {
		return err
	}
	_, err = b.drafts.Done(b.t.Context(), ready, false)
	return err
}

// entries returns the entries of the index of a name as "platform digest", and an attestation as "about digest", or nil if there
// is not an index.
func (b *fixture) entries(name string) (entries []string) {
	b.t.Helper()
	root, blobs, err := b.client.Source(b.t.Context(), b.list(name))
	if err != nil {
		return nil
	}
	body, err := content.FetchAll(b.t.Context(), blobs, root)
	b.check(err)
	var index ocispecs.Index
	b.check(json.Unmarshal(body, &index))
	for _, m := range index.Manifests {
		what := strings.Trim(m.Platform.OS+"/"+m.Platform.Architecture+"/"+m.Platform.Variant, "/")
		if about := m.Annotations["vnd.docker.reference.digest"]; about != "" {
			what = "about " + about
		}
		entries = append(entries, what+" "+m.Digest.String())
		if _, err := content.FetchAll(b.t.Context(), blobs, m); err != nil {
			b.t.Errorf("%s: %v", name, err)
		}
	}
	return entries
}

func parseDigest(name string) (reference.Named, error) { return reference.ParseNormalizedNamed(name) }
