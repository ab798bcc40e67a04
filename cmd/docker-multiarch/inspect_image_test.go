package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

// attested returns an image of two platforms, the first with an attestation.
func (b imageMaker) attested() ocispecs.Descriptor {
	amd := b.image("linux/amd64", nil)
	return b.index(b.image("linux/arm64", nil), b.attestation(amd), amd)
}

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-%s +got:\n%s", file, diff)
	}
}

// goldenFile returns the path of a file in testdata. A harness changes the working directory.
func goldenFile(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/testdata/" + name
}

func TestInspectShowsTheIndexAndItsPlatforms(t *testing.T) {
	table, object := goldenFile(t, "inspect.txt"), goldenFile(t, "inspect.json")
	s := newHarness(t)
	b := s.imageMaker()
	root := b.attested()
	b.publish("HOST/app:1.0", root)
	if rc := s.Command("inspect", "HOST/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s", rc, &s.Err)
	}
	golden(t, table, s.Normal(s.Out.String()))
	clitest.Contains(t, s.Out.String(), "Index digest:   "+root.Digest.String())
	s.Out = clitest.Buffer{}
	if rc := s.Command("inspect", "--format", "json", "HOST/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s", rc, &s.Err)
	}
	golden(t, object, s.Normal(s.Out.String()))
}

func TestInspectKnowsAllPlacesAndKindsOfImages(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	root, single := b.attested(), b.image("linux/arm/v6", nil)
	chart := b.put(ocispecs.MediaTypeImageManifest, ocispecs.Manifest{
		MediaType: ocispecs.MediaTypeImageManifest, Config: b.put("application/vnd.cncf.helm.config.v1+json", "chart"),
	})
	b.archive("app.tar", root)
	b.publish("HOST/app", root)
	b.publish("HOST/single", single)
	b.publish("HOST/chart", chart)
	for ref, want := range map[string]string{
		"./app.tar":            "index " + root.Digest.String() + " linux/amd64 linux/arm64 ",
		"app.tar":              "index " + root.Digest.String() + " linux/amd64 linux/arm64 ",
		"oci-layout://app.tar": "index " + root.Digest.String() + " linux/amd64 linux/arm64 ",
		"oci-layout://app.tar@" + root.Digest.String(): "index " + root.Digest.String() + " linux/amd64 linux/arm64 ",
		"HOST/app@" + root.Digest.String():             "index " + root.Digest.String() + " linux/amd64 linux/arm64 ",
		"HOST/single":                                  "image " + single.Digest.String() + " linux/arm/v6 ",
		"HOST/chart":                                   "artifact " + chart.Digest.String() + " ",
	} {
		s.Out = clitest.Buffer{}
		if rc := s.Command("inspect", "--format", "{{.Kind}} {{.Manifest.Digest}} {{range .Platforms}}{{.Platform}} {{end}}", ref); rc != 0 {
			t.Errorf("%s: status %d: %s", ref, rc, &s.Err)
		}
		if got := s.Out.String(); got != want+"\n" {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
	s.Out = clitest.Buffer{}
	s.Command("inspect", "HOST/chart")
	clitest.Contains(t, s.Out.String(), "Artifact digest:", "application/vnd.cncf.helm.config.v1+json")
}

func TestInspectRawIsTheVeryBytes(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	root := b.attested()
	b.publish("HOST/app", root)
	want, err := content.FetchAll(t.Context(), b, root)
	if err != nil {
		t.Fatal(err)
	}
	if rc := s.Command("inspect", "--raw", "HOST/app"); rc != 0 || s.Out.String() != string(want) {
		t.Errorf("status %d: %q", rc, s.Out.String())
	}
	if n := len(s.Faults.Matching(faultregistry.On("GET", "/manifests/"))); n != 1 {
		t.Errorf("%d manifests were read", n)
	}
}

func TestInspectRefusesAndExplains(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	amd := b.image("linux/amd64", nil)
	b.publish("HOST/app", b.index(amd))
	b.archive("one.tar", amd)
	s.Faults.Add(faultregistry.Fault{Match: faultregistry.On("GET", amd.Digest.String()), Do: faultregistry.Hide})
	for _, c := range []struct {
		args []string
		rc   int
		say  string
	}{
		{[]string{"inspect"}, cli.ExitUsage, "needs one argument"},
		{[]string{"inspect", "Not A Name"}, cli.ExitUsage, `"Not A Name" is neither a file nor the name of an image`},
		{[]string{"inspect", "./none.tar"}, cli.ExitUsage, `open "./none.tar"`},
		{[]string{"inspect", "oci-layout://one.tar:none"}, cli.ExitUsage, `"one.tar" holds no image "none"`},
		{[]string{"inspect", "--raw", "--format", "json", "HOST/app"}, cli.ExitUsage, "--raw"},
		{[]string{"inspect", "--format", "{{.Nothing}}", "one.tar"}, cli.ExitUsage, "Nothing"},
		{[]string{"inspect", "--format", "{{", "one.tar"}, cli.ExitUsage, "unclosed action"},
		{[]string{"inspect", "HOST/none"}, cli.ExitFailed, "not found"},
		{[]string{"inspect", "HOST/app"}, cli.ExitFailed, amd.Digest.String() + " is missing"},
	} {
		s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
		if rc := s.Command(c.args...); rc != c.rc || s.Out.String() != "" {
			t.Errorf("%q: status %d, output %q", c.args, rc, s.Out.String())
		}
		clitest.Contains(t, s.Err.String(), c.say)
	}
	clitest.Contains(t, s.Err.String(), "Hint: docker multiarch verify")
}

func TestABaseImageIsFoundWhereverItIsNamed(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	label := b.image("linux/amd64", func(m *ocispecs.Manifest, c *ocispecs.Image) {
		m.Annotations = nil
		c.Config.Labels = map[string]string{ocispecs.AnnotationBaseImageName: "debian:13"}
	})
	entry := b.image("linux/arm64", func(m *ocispecs.Manifest, _ *ocispecs.Image) { m.Annotations = nil })
	entry.Annotations = map[string]string{ocispecs.AnnotationBaseImageName: "alpine:3", ocispecs.AnnotationBaseImageDigest: digest.FromString("x").String()}
	b.archive("app.tar", b.index(label, entry))
	s.Command("inspect", "--no-trunc", "app.tar")
	clitest.Contains(t, s.Out.String(), "debian:13", "alpine:3@"+digest.FromString("x").String())
}
