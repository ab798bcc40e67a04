package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/system"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/memory"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// archive writes app.tar with an index of two platforms under the names, and gives the index's digest.
func (s *stage) archive(names ...string) digest.Digest {
	s.t.Helper()
	store := memory.New()
	put := func(mediaType string, v any) ocispecs.Descriptor {
		body, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		desc := content.NewDescriptorFromBytes(mediaType, body)
		if ok, _ := store.Exists(s.t.Context(), desc); !ok {
			if err := store.Push(s.t.Context(), desc, bytes.NewReader(body)); err != nil {
				s.t.Fatal(err)
			}
		}
		return desc
	}
	var index ocispecs.Index
	index.SchemaVersion = 2
	for _, arch := range []string{"amd64", "arm64"} {
		p := ocispecs.Platform{OS: "linux", Architecture: arch}
		text, start := "layer of "+arch, []string(nil)
		if s.program != nil {
			text, start = s.program(arch), []string{"/file"}
		}
		layer := imageShelf{store, s}.layer("file", text)
		manifest := ocispecs.Manifest{
			MediaType: ocispecs.MediaTypeImageManifest, Layers: []ocispecs.Descriptor{layer},
			Config: put(ocispecs.MediaTypeImageConfig, ocispecs.Image{
				Platform: p, RootFS: ocispecs.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}}, Config: ocispecs.ImageConfig{Entrypoint: start},
			}),
		}
		manifest.SchemaVersion = 2
		desc := put(ocispecs.MediaTypeImageManifest, manifest)
		desc.Platform = &p
		index.Manifests = append(index.Manifests, desc)
	}
	root := put(ocispecs.MediaTypeImageIndex, index)
	tags, err := parseTags(names, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := layout.WriteOCI(s.t.Context(), &out, layout.Image{Root: root, Names: tags}, store, nil); err != nil {
		s.t.Fatal(err)
	}
	s.write("app.tar", out.String())
	return root.Digest
}

// withEngine gives the stage an engine, and takes it away with the test.
func (s *stage) withEngine(containerd bool) *enginetest.Engine {
	fake := &enginetest.Engine{Info: system.Info{OSType: "linux", Architecture: "x86_64"}, Store: enginetest.Store{Containerd: containerd}}
	if containerd {
		fake.Info.DriverStatus = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
	}
	eng := engine.New(fake.Start(s.t))
	s.w.engine = func() *engine.Engine { return eng }
	return fake
}

func TestAnArchiveIsPushedUnderItsOwnDigest(t *testing.T) {
	s := newStage(t)
	want := s.archive("app:1.0")
	if rc := s.run("push", "app.tar", "HOST/app:1.0", "HOST/app", "HOST/team/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s", rc, &s.err)
	}
	for _, tag := range []string{"app:1.0", "app:latest", "team/app:1.0"} {
		if got := s.tagged(tag); got != want.String() {
			t.Errorf("%s is %q", tag, got)
		}
	}
	contains(t, s.normal(s.err.String()), "app.tar: an index of linux/amd64, linux/arm64, sha256:1", "HOST/team/app:1.0  sha256:1")
	if s.out.String() != "" {
		t.Errorf("standard output is %q", &s.out)
	}
	if rc := s.run("push", "-q", "app.tar", "HOST/app:1.0", "HOST/app:2"); rc != 0 || s.out.String() != s.host+"/app@"+want.String()+"\n" {
		t.Errorf("status %d: %q", rc, &s.out)
	}
}

func TestAnArchiveWithAProgramForAnotherMachineIsNotPushed(t *testing.T) {
	s := newStage(t)
	s.program = func(string) string { // for amd64, whatever the platform
		head := make([]byte, 64)
		copy(head, "\x7fELF\x02\x01\x01")
		head[16], head[18], head[20], head[52] = 2, 62, 1, 64
		return string(head)
	}
	s.archive("app:1.0")
	if rc := s.run("push", "app.tar", "HOST/app:1.0"); rc != exitFailed || s.tagged("app:1.0") != "" {
		t.Fatalf("status %d, the tag is %q: %s", rc, s.tagged("app:1.0"), &s.err)
	}
	contains(t, s.err.String(), "linux/arm64", `"/file"`, "for amd64", "--verify=off")
	if rc := s.run("push", "--verify=off", "app.tar", "HOST/app:1.0"); rc != 0 || s.tagged("app:1.0") == "" {
		t.Errorf("status %d: %s", rc, &s.err)
	}
	if rc := s.run("push", "--verify=often", "app.tar", "HOST/app:1.0"); rc != exitUsage {
		t.Errorf("status %d: %s", rc, &s.err)
	}
}

func TestAnArchiveIsLoadedUnderItsNamesOrOthers(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		s := newStage(t)
		fake := s.withEngine(containerd)
		want := s.archive("app:1.0")
		for _, args := range [][]string{{"app.tar"}, {"-t", "mine", "-t", "HOST/mine:2", "app.tar"}, {"--platform", "linux/arm64", "-t", "arm", "app.tar"}} {
			if rc := s.run(append([]string{"load"}, args...)...); rc != 0 {
				t.Fatalf("status %d: %s", rc, &s.err)
			}
		}
		names := []string{"app:1.0", "mine:latest", s.host + "/mine:2", "arm:latest"}
		for _, name := range names {
			if id := fake.Images[name]; id == "" || (id == want.String()) != containerd {
				t.Errorf("containerd %t: %s is %q", containerd, name, id)
			}
		}
		if containerd != (len(fake.Images) == len(names)) {
			t.Errorf("the engine has %v", fake.Images)
		}
		if rc := s.run("load", "-q", "--platform", "native", "app.tar"); rc != 0 || s.out.String() != fake.Images["app:1.0"]+"\n" {
			t.Errorf("status %d: %q", rc, &s.out)
		}
	}
}

func TestWrongArchivesAndWordsAreRefusedBeforeAnyWork(t *testing.T) {
	s := newStage(t)
	fake := s.withEngine(false)
	s.archive("app:1.0", "app:2.0")
	whole, err := os.ReadFile("app.tar")
	if err != nil {
		t.Fatal(err)
	}
	s.write("short.tar", string(whole[:bytes.Index(whole, []byte("layer of "))]))
	s.write("text", "hello")
	for _, c := range []struct{ args, want string }{
		{"push app.tar", "a name to push it to"},
		{"push app.tar HOST/App", "invalid image name"},
		{"push no.tar HOST/app", "no such file"},
		{"push short.tar HOST/app", "cut short"},
		{"push text HOST/app", "no tar archive"},
		{"push . HOST/app", "no OCI image layout"},
		{"push --image other app.tar HOST/app", `no image "other": it has app:1.0, app:2.0`},
		{"load", "one argument"},
		{"load app.tar app:1.0", "one argument"},
		{"load --platform linux/s390x app.tar", "cannot load linux/s390x: the image is for linux/amd64, linux/arm64"},
		{"load --platform linux/none app.tar", "--platform: "},
		{"load -t App app.tar", "-t: "},
		{"load short.tar", "cut short"},
	} {
		s.err.reset()
		if rc := s.run(strings.Fields(c.args)...); rc != exitUsage || !strings.Contains(s.err.String(), c.want) {
			t.Errorf("%s: status %d: %s", c.args, rc, &s.err)
		}
	}
	if len(s.faults.Requests())+len(fake.Store.Loads) != 0 {
		t.Errorf("it sent something: %v, %v", s.faults.Requests(), fake.Store.Loads)
	}
}

func TestARegistryThatIsNotThereIsSaidBeforeAnythingIsSent(t *testing.T) {
	s := newStage(t)
	s.archive()
	if rc := s.run("push", "app.tar", "HOST/app:1.0", "127.0.0.1:1/app:1.0"); rc != exitFailed {
		t.Errorf("status %d", rc)
	}
	contains(t, s.err.String(), "127.0.0.1:1", "connection refused")
	if got := s.tagged("app:1.0"); got != "" {
		t.Errorf("a tag was moved to %s", got)
	}
}

func TestAnArchiveWithoutAFullNameIsLoadedWithoutOne(t *testing.T) {
	s := newStage(t)
	fake := s.withEngine(true)
	s.archive()
	if rc := s.run("load", "app.tar"); rc != 0 {
		t.Errorf("status %d", rc)
	}
	contains(t, s.err.String(), "give it one with -t", "(no name)")
	if len(fake.Images) != 1 {
		t.Errorf("the engine has %v", fake.Images)
	}
}
