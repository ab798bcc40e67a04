package main

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

func TestVerifyListsAllThatIsWrong(t *testing.T) {
	table, object, whole := goldenFile(t, "verify.txt"), goldenFile(t, "verify.json"), goldenFile(t, "verify-ok.json")
	s := newHarness(t)
	b := s.imageMaker()
	amd := b.image("linux/amd64", nil)
	layer := b.layer("file", "files of linux/amd64").Digest
	arm := b.image("linux/arm64", nil)
	b.publish("HOST/app:1.0", b.index(arm, amd, b.attestation(amd)))
	if rc := s.Command("verify", "--format", "json", "--expect", "arm64/v8,amd64", "HOST/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s%s", rc, &s.Out, &s.Err)
	}
	golden(t, whole, s.Normal(s.Out.String()))
	for _, d := range []string{layer.String(), arm.Digest.String()} {
		s.Faults.Add(faultregistry.Fault{Match: faultregistry.On("", d), Do: faultregistry.Hide})
	}
	for file, format := range map[string]string{table: "table", object: "json"} {
		s.Out = clitest.Buffer{}
		if rc := s.Command("verify", "--format", format, "--expect", "linux/amd64,linux/s390x", "HOST/app:1.0"); rc != cli.ExitFailed || s.Err.String() != "" {
			t.Errorf("status %d: %s", rc, &s.Err)
		}
		golden(t, file, s.Normal(s.Out.String()))
	}
	s.Out = clitest.Buffer{}
	if rc := s.Command("verify", "-q", "HOST/app:1.0"); rc != cli.ExitFailed || s.Out.String() != "" {
		t.Errorf("status %d, output %q", rc, s.Out.String())
	}
}

func TestVerifyReadsTheLayersOfAnArchive(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	b.archive("app.tar", b.attested())
	if rc := s.Command("verify", "app.tar"); rc != 0 {
		t.Fatalf("status %d: %s%s", rc, &s.Out, &s.Err)
	}
	clitest.Contains(t, s.Out.String(), "app.tar is whole: linux/amd64, linux/arm64")
	s.Write("app.tar", replaced(t, "app.tar", "files of linux/amd64", "lines of linux/amd64"))
	if rc := s.Command("verify", "app.tar"); rc != cli.ExitFailed {
		t.Errorf("status %d: %s", rc, &s.Out)
	}
	clitest.Contains(t, s.Out.String(), "broken", "linux/amd64", "mismatched digest")
}

func TestVerifyTellsAnImageThatIsWrongFromOneThatCouldNotBeLookedAt(t *testing.T) {
	s := newHarness(t)
	b := s.imageMaker()
	b.publish("HOST/app", b.attested())
	s.Faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/blobs/"), Do: faultregistry.Answer(403, "DENIED", "no")})
	for _, c := range []struct {
		args []string
		rc   int
		say  string
	}{
		{[]string{"verify", "HOST/none"}, cli.ExitFailed, "not found"},
		{[]string{"verify", "HOST/app"}, cli.ExitUnknown, "403 Forbidden"},
		{[]string{"verify", "127.0.0.1:1/app"}, cli.ExitUnknown, "refused"},
		{[]string{"verify", "--expect", "linux/amd46", "HOST/app"}, cli.ExitUsage, `did you mean "linux/amd64"?`},
		{[]string{"verify", "--format", "{{", "HOST/app"}, cli.ExitUsage, "unclosed action"},
		{[]string{"verify", "./none"}, cli.ExitUsage, "no such file"},
		{[]string{"verify"}, cli.ExitUsage, "needs one argument"},
	} {
		s.Out, s.Err = clitest.Buffer{}, clitest.Buffer{}
		if rc := s.Command(c.args...); rc != c.rc || s.Out.String() != "" {
			t.Errorf("%q: status %d, output %q", c.args, rc, s.Out.String())
		}
		clitest.Contains(t, s.Err.String(), c.say)
	}
}
