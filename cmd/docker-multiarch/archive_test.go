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

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
)

// archive writes app.tar with an index of two platforms under the names, and returns the index's digest.
func (s *harness) archive(names ...string) digest.Digest {
	s.T.Helper()
	store := memory.New()
	put := func(mediaType string, v any) ocispecs.Descriptor {
		body, err := json.Marshal(v)
		if err != nil {
			s.T.Fatal(err)
		}
		desc := content.NewDescriptorFromBytes(mediaType, body)
		if ok, _ := store.Exists(s.T.Context(), desc); !ok {
			if err := store.Push(s.T.Context(), desc, bytes.NewReader(body)); err != nil {
				s.T.Fatal(err)
			}
		}
		return desc
	}
	var index ocispecs.Index
	index.SchemaVersion = 2
	for _, arch := range []string{"amd64", "arm64"} {
		p := ocispecs.Platform{OS: "linux", Architecture: arch}
		text, start := "layer of "+arch, []string(nil)
		if s.Program != nil {
			text, start = s.Program(arch), []string{"/file"}
		}
		layer := imageMaker{store, s}.layer("file", text)
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
	tags, err := cli.ParseTags(names, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	var out bytes.Buffer
	if err := layout.WriteOCI(s.T.Context(), &out, layout.Image{Root: root, Names: tags}, store, nil); err != nil {
		s.T.Fatal(err)
	}
	s.Write("app.tar", out.String())
	return root.Digest
}

// withEngine gives the harness an engine until the test ends.
func (s *harness) withEngine(containerd bool) *enginetest.Engine {
	fake := &enginetest.Engine{Info: system.Info{OSType: "linux", Architecture: "x86_64"}, Store: enginetest.Store{Containerd: containerd}}
	if containerd {
		fake.Info.DriverStatus = [][2]string{{"driver-type", "io.containerd.snapshotter.v1"}}
	}
	eng := engine.New(fake.Start(s.T))
	s.Env.Engine = func() *engine.Engine { return eng }
	return fake
}

func TestAnArchiveIsPushedUnderItsOwnDigest(t *testing.T) {
	s := newHarness(t)
	want := s.archive("app:1.0")
	if rc := s.Command("push", "app.tar", "HOST/app:1.0", "HOST/app", "HOST/team/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s", rc, &s.Err)
	}
	for _, tag := range []string{"app:1.0", "app:latest", "team/app:1.0"} {
		if got := s.Tagged(tag); got != want.String() {
			t.Errorf("%s is %q", tag, got)
		}
	}
	clitest.Contains(t, s.Normal(s.Err.String()), "app.tar: an index of linux/amd64, linux/arm64, sha256:1", "HOST/team/app:1.0  sha256:1")
	if s.Out.String() != "" {
		t.Errorf("standard output is %q", &s.Out)
	}
	if rc := s.Command("push", "-q", "app.tar", "HOST/app:1.0", "HOST/app:2"); rc != 0 || s.Out.String() != s.Host+"/app@"+want.String()+"\n" {
		t.Errorf("status %d: %q", rc, &s.Out)
	}
}

func TestAnArchiveWithAProgramForAnotherMachineIsNotPushed(t *testing.T) {
	s := newHarness(t)
	s.Program = func(string) string { // an amd64 program for every platform
		head := make([]byte, 64)
		copy(head, "\x7fELF\x02\x01\x01")
		head[16], head[18], head[20], head[52] = 2, 62, 1, 64
		return string(head)
	}
	s.archive("app:1.0")
	if rc := s.Command("push", "app.tar", "HOST/app:1.0"); rc != cli.ExitFailed || s.Tagged("app:1.0") != "" {
		t.Fatalf("status %d, the tag is %q: %s", rc, s.Tagged("app:1.0"), &s.Err)
	}
	clitest.Contains(t, s.Err.String(), "linux/arm64", `"/file"`, "for amd64", "--verify=off")
	if rc := s.Command("push", "--verify=off", "app.tar", "HOST/app:1.0"); rc != 0 || s.Tagged("app:1.0") == "" {
		t.Errorf("status %d: %s", rc, &s.Err)
	}
	if rc := s.Command("push", "--verify=often", "app.tar", "HOST/app:1.0"); rc != cli.ExitUsage {
		t.Errorf("status %d: %s", rc, &s.Err)
	}
}

func TestAnArchiveIsLoadedUnderItsNamesOrOthers(t *testing.T) {
	for _, containerd := range []bool{false, true} {
		s := newHarness(t)
		fake := s.withEngine(containerd)
		want := s.archive("app:1.0")
		for _, args := range [][]string{{"app.tar"}, {"-t", "mine", "-t", "HOST/mine:2", "app.tar"}, {"--platform", "linux/arm64", "-t", "arm", "app.tar"}} {
			if rc := s.Command(append([]string{"load"}, args...)...); rc != 0 {
				t.Fatalf("status %d: %s", rc, &s.Err)
			}
		}
		names := []string{"app:1.0", "mine:latest", s.Host + "/mine:2", "arm:latest"}
		for _, name := range names {
			if id := fake.Images[name]; id == "" || (id == want.String()) != containerd {
				t.Errorf("containerd %t: %s is %q", containerd, name, id)
			}
		}
		if containerd != (len(fake.Images) == len(names)) {
			t.Errorf("the engine has %v", fake.Images)
		}
		if rc := s.Command("load", "-q", "--platform", "native", "app.tar"); rc != 0 || s.Out.String() != fake.Images["app:1.0"]+"\n" {
			t.Errorf("status %d: %q", rc, &s.Out)
		}
	}
}

func TestWrongArchivesAndWordsAreRefusedBeforeAnyWork(t *testing.T) {
	s := newHarness(t)
	fake := s.withEngine(false)
	s.archive("app:1.0", "app:2.0")
	whole, err := os.ReadFile("app.tar")
	if err != nil {
		t.Fatal(err)
	}
	s.Write("short.tar", string(whole[:bytes.Index(whole, []byte("layer of "))]))
	s.Write("text", "hello")
	for _, c := range []struct{ args, want string }{
		{"push app.tar", "a name to push it to"},
		{"push app.tar HOST/App", "invalid image name"},
		{"push no.tar HOST/app", "no such file"},
		{"push short.tar HOST/app", "cut short"},
		{"push text HOST/app", "not a tar archive"},
		{"push . HOST/app", "not an OCI image layout"},
		{"push --image other app.tar HOST/app", `no image "other": it has app:1.0, app:2.0`},
		{"load", "one argument"},
		{"load app.tar app:1.0", "one argument"},
		{"load --platform linux/s390x app.tar", "cannot load linux/s390x: the image is for linux/amd64, linux/arm64"},
		{"load --platform linux/none app.tar", "--platform: "},
		{"load -t App app.tar", "-t: "},
		{"load short.tar", "cut short"},
	} {
		s.Err.Reset()
		if rc := s.Command(strings.Fields(c.args)...); rc != cli.ExitUsage || !strings.Contains(s.Err.String(), c.want) {
			t.Errorf("%s: status %d: %s", c.args, rc, &s.Err)
		}
	}
	if len(s.Faults.Requests())+len(fake.Store.Loads) != 0 {
		t.Errorf("it sent something: %v, %v", s.Faults.Requests(), fake.Store.Loads)
	}
}

func TestARegistryThatIsNotThereIsSaidBeforeAnythingIsSent(t *testing.T) {
	s := newHarness(t)
	s.archive()
	if rc := s.Command("push", "app.tar", "HOST/app:1.0", "127.0.0.1:1/app:1.0"); rc != cli.ExitFailed {
		t.Errorf("status %d", rc)
	}
	clitest.Contains(t, s.Err.String(), "127.0.0.1:1", "connection refused")
	if got := s.Tagged("app:1.0"); got != "" {
		t.Errorf("a tag was moved to %s", got)
	}
}

func TestAnArchiveWithoutAFullNameIsLoadedWithoutOne(t *testing.T) {
	s := newHarness(t)
	fake := s.withEngine(true)
	s.archive()
	if rc := s.Command("load", "app.tar"); rc != 0 {
		t.Errorf("status %d", rc)
	}
	clitest.Contains(t, s.Err.String(), "give it one with -t", "(no name)")
	if len(fake.Images) != 1 {
		t.Errorf("the engine has %v", fake.Images)
	}
}
