package buildcmd

import (
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestAnAnnotationThatNoOutputCarriesIsSaid(t *testing.T) {
	for words, want := range map[string]string{
		"-o type=local,dest=res --annotation a=b":                           "warning: the annotation a=b (manifest) is ignored: files",
		"-o type=tar,dest=res.tar --annotation index:a=b":                   "warning: the annotation a=b (index) is ignored: files",
		"--push -t HOST/app --annotation index-descriptor:a=b":              "warning: the annotation a=b (index-descriptor) is ignored: only an archive",
		"--push -t HOST/app --annotation a=b":                               "",
		"-o type=local,dest=res -o type=oci,dest=o.tar --annotation a=b":    "",
		"-o type=oci,dest=o.tar --annotation index-descriptor,manifest:a=b": "",
	} {
		s := newHarness(t)
		if status := s.Command(append(append([]string{"build", "-q", "--platform", "linux/amd64"}, strings.Fields(words)...), ".")...); status != 0 {
			t.Errorf("%s: status %d: %s", words, status, s.Err.String())
		}
		if text := s.Err.String(); want == "" && strings.Contains(text, "goes nowhere") {
			t.Errorf("%s: %s", words, text)
		}
		clitest.Contains(t, s.Err.String(), want)
	}
}
