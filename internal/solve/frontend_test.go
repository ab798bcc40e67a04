package solve

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkittest"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// moving makes each lookup of an image find another digest.
func (w *harness) moving() {
	lookups := 0
	w.Digest = func(string, platform.Platform) digest.Digest {
		w.mu.Lock()
		defer w.mu.Unlock()
		lookups++
		return digest.FromString(fmt.Sprint(lookups))
	}
}

// frontends returns what the builders ran as frontends, and for which Dockerfile's line, by the number of runs.
func frontends(builders ...*buildkittest.Builder) map[string]int {
	ran := map[string]int{}
	for _, b := range builders {
		for _, s := range b.Solves() {
			for _, r := range s.Requests {
				ran[r.Frontend+" "+r.FrontendOpt["source"]+" "+r.FrontendOpt["cmdline"]]++
			}
		}
	}
	return ran
}

func TestAllPlatformsAndNodesAreReadByOneStateOfTheFrontendsImage(t *testing.T) {
	w := newHarness(t, "# syntax=example.com/frontend:1 fast\nFROM scratch AS made\nCOPY hello /\n")
	other := w.second("linux/arm64", armNative)
	w.moving()
	other.Digest = w.Digest
	w.req.Own = map[string]Own{"linux/arm/v7": {Target: "made"}} // is read alone
	w.mustRun()
	pinned := "gateway.v0 example.com/frontend:1@" + digest.FromString("1").String() + " example.com/frontend:1 fast"
	if got := frontends(w.Builder, other); len(got) != 1 || got[pinned] != 3 {
		t.Errorf("%v", got)
	}
}

func TestABuildArgumentReplacesTheFrontend(t *testing.T) {
	w := newHarness(t, "# syntax=example.com/other:1\nFROM scratch\nCOPY hello /\n")
	w.req.BuildArgs = map[string]string{"BUILDKIT_SYNTAX": " example.com/frontend:1 with words "}
	w.mustRun()
	pinned := "gateway.v0 example.com/frontend:1@" + digest.FromString("example.com/frontend:1").String() + " example.com/frontend:1 with words"
	if got := frontends(w.Builder); got[pinned] != 1 {
		t.Errorf("%v", got)
	}
}

func TestTheImageOfAFrontendIsLeftToBuildKit(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*harness)
		want   string
	}{
		"where it cannot be resolved": {func(w *harness) {
			w.Image = func(name string, p platform.Platform) (platform.Platform, error) {
				if strings.HasPrefix(name, "example.com/") {
					return p, errors.New("no such host")
				}
				return p, nil
			}
		}, "dockerfile.v0  "},
		"where a named context replaces it": {func(w *harness) {
			w.req.Source.Attrs["context:example.com/frontend:1"] = "docker-image://example.com/another"
		}, "dockerfile.v0  "},
		"in an attested build": {func(w *harness) { w.req.Attests = map[string]string{"provenance": "mode=max"} }, "dockerfile.v0  "},
		"where the build argument's cannot be resolved": {func(w *harness) {
			w.req.BuildArgs = map[string]string{"BUILDKIT_SYNTAX": "Not/An/Image"}
		}, "gateway.v0 Not/An/Image Not/An/Image"},
	} {
		w := newHarness(t, "# syntax=example.com/frontend:1\nFROM scratch\nCOPY hello /\n")
		tt.change(w)
		w.mustRun()
		if got := frontends(w.Builder); len(got) != 1 || got[tt.want] == 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// An image says in a label what its frontend can do; BuildKit refuses inputs for one that does not.
func TestAFrontendIsGivenTheDockerfileIfItTakesInputs(t *testing.T) {
	for name, tt := range map[string]struct {
		text   string
		label  string
		change func(*harness)
		given  bool
	}{
		"BuildKit's own":           {given: true},
		"an image":                 {text: "# syntax=example.com/frontend:1\n"},
		"an image that takes them": {text: "# syntax=example.com/frontend:1\n", label: "a,moby.buildkit.frontend.inputs", given: true},
		"an image that is replaced": {"# syntax=example.com/frontend:1\n", "moby.buildkit.frontend.inputs", func(w *harness) {
			w.req.Source.Attrs["context:example.com/frontend:1"] = "docker-image://example.com/another"
		}, false},
		"one in an attested build": {change: func(w *harness) { w.req.Attests = map[string]string{"provenance": "mode=max"} }},
		"one for a remote context": {change: func(w *harness) {
			w.source(source.Options{Context: "https://example.com/app.git#main"})
			w.Files["git://example.com/app.git#main"] = "FROM scratch\nCOPY hello /\n"
		}},
	} {
		w := newHarness(t, tt.text+"FROM scratch\nCOPY hello /\n")
		w.Contents = func(string, platform.Platform) (ocispecs.ImageConfig, fs.FS) {
			return ocispecs.ImageConfig{Labels: map[string]string{"moby.buildkit.frontend.caps": tt.label}}, nil
		}
		if tt.change != nil {
			tt.change(w)
		}
		w.mustRun()
		for _, s := range w.Solves() {
			for _, r := range s.Requests {
				if given := r.FrontendInputs["dockerfile"] != nil; given != tt.given {
					t.Errorf("%s: given %t", name, given)
				}
			}
		}
	}
}
