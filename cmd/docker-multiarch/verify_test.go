package main

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

func TestVerifyListsAllThatIsWrong(t *testing.T) {
	table, object, whole := goldenFile(t, "verify.txt"), goldenFile(t, "verify.json"), goldenFile(t, "verify-ok.json")
	s := newStage(t)
	b := s.shelf()
	amd := b.image("linux/amd64", nil)
	layer := b.layer("file", "files of linux/amd64").Digest
	arm := b.image("linux/arm64", nil)
	b.publish("HOST/app:1.0", b.index(arm, amd, b.attestation(amd)))
	if rc := s.run("verify", "--format", "json", "--expect", "arm64/v8,amd64", "HOST/app:1.0"); rc != 0 {
		t.Fatalf("status %d: %s%s", rc, &s.out, &s.err)
	}
	golden(t, whole, s.normal(s.out.String()))
	for _, d := range []string{layer.String(), arm.Digest.String()} {
		s.faults.Add(faultregistry.Fault{Match: faultregistry.On("", d), Do: faultregistry.Hide})
	}
	for file, format := range map[string]string{table: "table", object: "json"} {
		s.out = buffer{}
		if rc := s.run("verify", "--format", format, "--expect", "linux/amd64,linux/s390x", "HOST/app:1.0"); rc != exitFailed || s.err.String() != "" {
			t.Errorf("status %d: %s", rc, &s.err)
		}
		golden(t, file, s.normal(s.out.String()))
	}
	s.out = buffer{}
	if rc := s.run("verify", "-q", "HOST/app:1.0"); rc != exitFailed || s.out.String() != "" {
		t.Errorf("status %d, output %q", rc, s.out.String())
	}
}

func TestVerifyReadsTheLayersOfAnArchive(t *testing.T) {
	s := newStage(t)
	b := s.shelf()
	b.archive("app.tar", b.attested())
	if rc := s.run("verify", "app.tar"); rc != 0 {
		t.Fatalf("status %d: %s%s", rc, &s.out, &s.err)
	}
	contains(t, s.out.String(), "app.tar is whole: linux/amd64, linux/arm64")
	s.write("app.tar", replaced(t, "app.tar", "files of linux/amd64", "lines of linux/amd64"))
	if rc := s.run("verify", "app.tar"); rc != exitFailed {
		t.Errorf("status %d: %s", rc, &s.out)
	}
	contains(t, s.out.String(), "broken", "linux/amd64", "mismatched digest")
}

func TestVerifyTellsAnImageThatIsWrongFromOneThatCouldNotBeLookedAt(t *testing.T) {
	s := newStage(t)
	b := s.shelf()
	b.publish("HOST/app", b.attested())
	s.faults.Add(faultregistry.Fault{Match: faultregistry.On("", "/blobs/"), Do: faultregistry.Answer(403, "DENIED", "no")})
	for _, c := range []struct {
		args []string
		rc   int
		say  string
	}{
		{[]string{"verify", "HOST/none"}, exitFailed, "not found"},
		{[]string{"verify", "HOST/app"}, exitUnknown, "403 Forbidden"},
		{[]string{"verify", "127.0.0.1:1/app"}, exitUnknown, "refused"},
		{[]string{"verify", "--expect", "linux/amd46", "HOST/app"}, exitUsage, `did you mean "linux/amd64"?`},
		{[]string{"verify", "--format", "{{", "HOST/app"}, exitUsage, "unclosed action"},
		{[]string{"verify", "./none"}, exitUsage, "no such file"},
		{[]string{"verify"}, exitUsage, "needs one argument"},
	} {
		s.out, s.err = buffer{}, buffer{}
		if rc := s.run(c.args...); rc != c.rc || s.out.String() != "" {
			t.Errorf("%q: status %d, output %q", c.args, rc, s.out.String())
		}
		contains(t, s.err.String(), c.say)
	}
}
