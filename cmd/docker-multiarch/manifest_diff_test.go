package main

import (
	"testing"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestDiffComparesByPlatform(t *testing.T) {
	table, object := goldenFile(t, "diff.txt"), goldenFile(t, "diff.json")
	s := newHarness(t)
	b := s.imageMaker()
	amd := b.image("linux/amd64", nil)
	b.publish("HOST/app:1", b.index(amd, b.image("linux/arm64", nil), b.image("linux/s390x", nil)))
	b.archive("new.tar", b.index(amd, b.attestation(amd), b.image("linux/riscv64", nil), b.image("linux/arm64", func(m *ocispecs.Manifest, c *ocispecs.Image) {
		c.Config.Env = []string{"A=2"}
		m.Layers = append(m.Layers, b.put(ocispecs.MediaTypeImageLayerGzip, "more"))
	})))
	for file, format := range map[string]string{table: "table", object: "json"} {
		s.Out = clitest.Buffer{}
		if rc := s.Command("manifest", "diff", "--format", format, "HOST/app:1", "new.tar"); rc != cli.ExitFailed || s.Err.String() != "" {
			t.Errorf("status %d: %s", rc, &s.Err)
		}
		golden(t, file, s.Normal(s.Out.String()))
	}
	s.Out = clitest.Buffer{}
	if rc := s.Command("manifest", "diff", "-q", "HOST/app:1", "new.tar"); rc != cli.ExitFailed || s.Out.String() != "" {
		t.Errorf("status %d, output %q", rc, s.Out.String())
	}
}

func TestDiffLooksAtImagesAndNotAtHowAnIndexIsWritten(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	amd, arm := b.image("linux/amd64", nil), b.image("linux/arm64", nil)
	b.publish("HOST/app:1", b.index(amd, arm))
	b.publish("HOST/app:2", b.index(arm, amd))
	b.publish("HOST/app:3", b.index(arm, amd, b.attestation(amd)))
	for _, c := range []struct {
		a, b string
		rc   int
		say  string
	}{
		{"HOST/app:1", "HOST/app:1", 0, "No difference.\n"},
		{"HOST/app:1", "HOST/app:2", 0, "No difference, except in how the index is written.\n"},
		{"HOST/app:2", "HOST/app:3", cli.ExitFailed, "attestations"},
	} {
		s.Out = clitest.Buffer{}
		if rc := s.Command("manifest", "diff", c.a, c.b); rc != c.rc {
			t.Errorf("%s and %s: status %d: %s%s", c.a, c.b, rc, &s.Out, &s.Err)
		}
		clitest.Contains(t, s.Out.String(), c.say)
	}
}

func TestDiffReportsUnreadablePlatforms(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	b.archive("app.tar", b.image("linux/amd64", nil))
	for _, c := range []struct {
		args []string
		rc   int
		say  string
	}{
		{[]string{"manifest", "diff", "app.tar"}, cli.ExitUsage, "needs two arguments"},
		{[]string{"manifest", "diff", "app.tar", "./none.tar"}, cli.ExitUsage, "no such file"},
		{[]string{"manifest", "diff", "app.tar", "HOST/none"}, cli.ExitUnknown, "not found"},
		{[]string{"manifest", "dif"}, cli.ExitUsage, `did you mean "diff"?`},
	} {
		s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
		if rc := s.Command(c.args...); rc != c.rc || s.Out.String() != "" {
			t.Errorf("%q: status %d, output %q", c.args, rc, s.Out.String())
		}
		clitest.Contains(t, s.Err.String(), c.say)
	}
}
