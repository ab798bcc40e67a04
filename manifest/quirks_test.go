package manifest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// quirkyHost is a registry on this machine, so that it may send its clients to storage on this machine.
const quirkyHost = "127.0.0.1:5000"

// quirkyWorld is a registry with quirks, reached without connections, and a client of it.
type quirkyWorld struct {
	t      *testing.T
	host   string
	store  *faultregistry.Memory
	quirky *faultregistry.Quirky
	client *manifest.Client
	src    shelf
	root   ocispecs.Descriptor   // an index of two images and their attestations
	all    []ocispecs.Descriptor // the root, and everything that belongs to it
}

func newQuirkyWorld(t *testing.T, src shelf, root ocispecs.Descriptor, names ...string) *quirkyWorld {
	t.Helper()
	return newQuirkyWorldAt(t, quirkyHost, src, root, names...)
}

func newQuirkyWorldAt(t *testing.T, host string, src shelf, root ocispecs.Descriptor, names ...string) *quirkyWorld {
	t.Helper()
	store := &faultregistry.Memory{}
	quirky := &faultregistry.Quirky{Next: store, Names: names, Elsewhere: "http://127.0.0.1:5001"}
	w := &quirkyWorld{t: t, host: host, store: store, quirky: quirky, src: src, root: root, all: everything(t, src, root)}
	w.reach(faultregistry.Network{host: quirky, "127.0.0.1:5001": quirky.Storage()})
	return w
}

// reach makes the client, whose requests a transport carries.
func (w *quirkyWorld) reach(transport http.RoundTripper) {
	clock := newClock()
	w.quirky.Now = clock.Now
	cred := auth.Credential{Username: faultregistry.User, Password: faultregistry.Password}
	if slices.Contains(w.quirky.Names, "identity-token") {
		cred = auth.Credential{RefreshToken: faultregistry.IdentityToken}
	}
	w.client = manifest.New(manifest.Options{
		Transport:  transport,
		Clock:      manifest.Clock{Now: clock.Now, Sleep: clock.Sleep},
		Credential: func(context.Context, string) (auth.Credential, error) { return cred, nil },
	})
}

// everything lists a descriptor and what belongs to it.
func everything(t *testing.T, src content.ReadOnlyStorage, desc ocispecs.Descriptor) []ocispecs.Descriptor {
	t.Helper()
	all := []ocispecs.Descriptor{desc}
	children, err := content.Successors(t.Context(), src, desc)
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range children {
		all = append(all, everything(t, src, child)...)
	}
	return all
}

func (w *quirkyWorld) named(name string) reference.NamedTagged {
	w.t.Helper()
	named, err := reference.ParseNormalizedNamed(w.host + "/" + name)
	if err != nil {
		w.t.Fatal(err)
	}
	return reference.TagNameOnly(named).(reference.NamedTagged)
}

func (w *quirkyWorld) body(desc ocispecs.Descriptor) []byte {
	w.t.Helper()
	body, err := content.FetchAll(w.t.Context(), w.src, desc)
	if err != nil {
		w.t.Fatal(err)
	}
	return body
}

// push checks the registry, reads images that a builder has pushed, and names their index twice.
func (w *quirkyWorld) push(ctx context.Context) error {
	var seen []manifest.Image
	var images []ocispecs.Descriptor
	for _, desc := range w.all {
		if desc.MediaType == ocispecs.MediaTypeImageManifest && !manifest.IsAttestation(desc) && desc.Platform != nil {
			faultregistry.Put(w.store, "/v2/built/manifests/"+desc.Digest.String(), desc.MediaType, w.body(desc))
			images = append(images, desc)
		}
	}
	if note, err := w.client.CheckPush(ctx, w.named("built")); err != nil || note != "" {
		return fmt.Errorf("check: %q, %w", note, err)
	}
	for _, desc := range images {
		image, err := w.client.Child(ctx, w.named("built"), desc.Digest)
		if err != nil {
			return err
		}
		if image.Descriptor.MediaType != desc.MediaType || len(image.Layers) == 0 {
			return fmt.Errorf("the child is read as %v", image.Descriptor)
		}
		seen = append(seen, image)
	}
	desc, body, err := manifest.Index(images, manifest.IndexOptions{})
	if err != nil {
		return err
	}
	return w.publish(ctx, manifest.PublishRequest{
		Targets: []reference.NamedTagged{w.named("built:v1"), w.named("built:v2")}, Descriptor: desc, Body: body, Seen: seen,
	})
}

func (w *quirkyWorld) publish(ctx context.Context, req manifest.PublishRequest) error {
	for range 2 { // the second time, nothing is left to do
		results, err := w.client.Publish(ctx, req)
		if err != nil {
			return err
		}
		for _, r := range results {
			if r.State != manifest.Moved && r.State != manifest.Already {
				return fmt.Errorf("%s is %s (%s)", r.Ref, r.State, r.Found)
			}
		}
	}
	return nil
}

// upload sends an attested index to a repository, and names it.
func (w *quirkyWorld) upload(ctx context.Context, name string, src content.Fetcher) error {
	tag := w.named(name)
	if err := w.client.Upload(ctx, tag, w.root, src); err != nil {
		return err
	}
	look, err := w.client.Look(ctx, tag)
	if err != nil || look.Digest != "" {
		return fmt.Errorf("a look before: %q, %w", look.Digest, err)
	}
	return w.publish(ctx, manifest.PublishRequest{
		Targets: []reference.NamedTagged{tag}, Descriptor: w.root, Body: w.body(w.root), Looks: []manifest.Look{look},
	})
}

// archive pushes an archive, whose blobs are on this machine.
func (w *quirkyWorld) archive(ctx context.Context) error { return w.upload(ctx, "archive:v1", w.src) }

// merge copies between two repositories of the registry.
func (w *quirkyWorld) merge(ctx context.Context) error {
	_, from, err := w.client.Source(ctx, w.named("archive:v1"))
	if err != nil {
		return err
	}
	return w.upload(ctx, "team/merged:v1", from)
}

// inspect reads a tag with all its documents.
func (w *quirkyWorld) inspect(ctx context.Context) error {
	found, err := w.client.Resolve(ctx, w.named("archive:v1"))
	if err != nil || found.Digest != w.root.Digest || found.Size != w.root.Size {
		return fmt.Errorf("the tag names %v, %w", found, err)
	}
	root, image, err := w.client.Source(ctx, w.named("archive:v1"))
	if err != nil || root.Digest != w.root.Digest || root.MediaType != w.root.MediaType {
		return fmt.Errorf("the tag is read as %v, %w", root, err)
	}
	for _, desc := range w.all {
		got, err := content.FetchAll(ctx, image, desc)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, w.body(desc)) {
			return fmt.Errorf("%s has other bytes", desc.Digest)
		}
	}
	return nil
}

// verify asks for everything without reading it, and for what is missing.
func (w *quirkyWorld) verify(ctx context.Context) error {
	_, image, err := w.client.Source(ctx, w.named("team/merged:v1"))
	if err != nil {
		return err
	}
	for _, desc := range w.all {
		size, err := image.Stat(ctx, desc)
		if err != nil || size != desc.Size {
			return fmt.Errorf("%s has %d bytes, not %d: %w", desc.Digest, size, desc.Size, err)
		}
		desc.Digest = digest.FromString("missing " + desc.MediaType)
		if there, err := image.Exists(ctx, desc); err != nil || there {
			return fmt.Errorf("a missing %s: %v, %w", desc.MediaType, there, err)
		}
	}
	if _, err := w.client.Resolve(ctx, w.named("team/merged:missing")); !errors.Is(err, manifest.ErrNotFound) {
		return fmt.Errorf("a missing tag: %w", err)
	}
	return nil
}

// operations are those that the program's commands consist of, in an order in which each has what it reads.
var operations = []struct {
	name string
	run  func(*quirkyWorld, context.Context) error
}{
	{"build --push", (*quirkyWorld).push},
	{"attested push, push ARCHIVE, manifest push", (*quirkyWorld).archive},
	{"manifest merge", (*quirkyWorld).merge},
	{"inspect", (*quirkyWorld).inspect},
	{"verify", (*quirkyWorld).verify},
}

// try runs all operations, and checks what the registry has afterwards.
func (w *quirkyWorld) try() error {
	for _, op := range operations {
		if err := op.run(w, w.t.Context()); err != nil {
			return fmt.Errorf("%s: %w", op.name, err)
		}
	}
	blobs := w.store.Blobs()
	for _, repo := range []string{"archive", "team/merged"} {
		if got := digest.FromBytes(w.store.Manifest(repo + "/v1")); got != w.root.Digest {
			return fmt.Errorf("%s:v1 is %s", repo, got)
		}
		for _, desc := range w.all {
			name := repo + "/" + desc.Digest.String()
			if !slices.Contains(blobs, name) && w.store.Manifest(name) == nil {
				return fmt.Errorf("%s is missing", name)
			}
		}
	}
	if leaked := w.quirky.Leaked(); len(leaked) > 0 {
		return fmt.Errorf("the login went to %q", leaked)
	}
	return nil
}

func TestEveryQuirkAloneAndEachWithEveryOther(t *testing.T) {
	src, root, _ := app(t)
	tries := 0
	try := func(names ...string) bool {
		tries++
		err := newQuirkyWorld(t, src, root, names...).try()
		if err != nil {
			t.Errorf("%s: %v", strings.Join(names, " and "), err)
		}
		return err == nil
	}
	broken := map[string]bool{} // the pairs of these would only say the same
	for _, one := range faultregistry.Quirks {
		broken[one.Name] = !try(one.Name)
	}
	for i, one := range faultregistry.Quirks {
		for j, other := range faultregistry.Quirks[i+1:] {
			if j%pairsOf == 0 && other.Group != one.Group && !broken[one.Name] && !broken[other.Name] {
				try(one.Name, other.Name)
			}
		}
	}
	t.Logf("%d tries of %d operations", tries, len(operations))
}

func TestEveryQuirkAloneOverConnections(t *testing.T) {
	src, root, _ := app(t)
	for _, k := range faultregistry.Quirks {
		w := newQuirkyWorld(t, src, root, k.Name)
		registry, storage := httptest.NewServer(w.quirky), httptest.NewServer(w.quirky.Storage())
		w.host, w.quirky.Elsewhere = strings.TrimPrefix(registry.URL, "http://"), storage.URL
		w.reach(nil)
		if err := w.try(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		w.client.Finish()
		registry.Close()
		storage.Close()
	}
}

func TestARegistryMayHaveAnyKindOfAddress(t *testing.T) {
	src, root, _ := app(t)
	for _, host := range []string{"[::1]:5000", "[::1]", "[2001:db8::1]", "[2001:db8::1]:443", "localhost", "192.0.2.1", "192.0.2.1:8443", "reg.example:80"} {
		for _, quirk := range []string{"basic", "location-absolute", "no-head-405"} {
			if quirk == "location-absolute" && !strings.HasPrefix(host, "[::1]") {
				continue // it names http, and the others speak HTTPS
			}
			if err := newQuirkyWorldAt(t, host, src, root, quirk).try(); err != nil {
				t.Errorf("%s: %s: %v", host, quirk, err)
			}
		}
	}
}

// flaky breaks the first reading of a blob off after some bytes.
func flaky(next http.Handler, after int) http.Handler {
	faults := faultregistry.New(next)
	faults.Add(faultregistry.Fault{Match: faultregistry.On(http.MethodGet, "/blobs/"), Times: 1, Do: faultregistry.CutBody(after)})
	return faults
}

func TestALargeBlobIsReadOnWhetherOrNotTheRegistryHasRanges(t *testing.T) {
	blob := bytes.Repeat([]byte("0123456789abcdef"), 5<<16) // 5 MiB, of which 4 are read ahead
	src := shelf{memory.New(), t}
	desc := content.NewDescriptorFromBytes(ocispecs.MediaTypeImageLayer, blob)
	if err := src.Push(t.Context(), desc, bytes.NewReader(blob)); err != nil {
		t.Fatal(err)
	}
	image := src.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Config: src.put(ocispecs.MediaTypeImageConfig, "config"), Layers: []ocispecs.Descriptor{desc},
	})
	for _, k := range append(faultregistry.Quirks, faultregistry.Quirk{Group: "ranges"}) {
		if k.Group != "ranges" && k.Group != "blobs" {
			continue
		}
		w := newQuirkyWorld(t, src, image)
		if k.Name != "" {
			w.quirky.Names = []string{k.Name}
		}
		if err := w.upload(t.Context(), "app:v1", src); err != nil {
			t.Fatal(err)
		}
		_, from, err := w.client.Source(t.Context(), w.named("app:v1"))
		if err != nil {
			t.Fatal(err)
		}
		w.quirky.Next = flaky(w.store, 4<<20+1000)
		body, err := from.Fetch(t.Context(), desc)
		if err != nil {
			t.Errorf("%q: %v", k.Name, err)
			continue
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, blob) {
			t.Errorf("%q: %d bytes, %v", k.Name, len(got), err)
		}
	}
}
