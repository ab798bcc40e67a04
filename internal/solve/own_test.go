package solve

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

var (
	amd64 = platform.Platform{OS: "linux", Architecture: "amd64"}
	arm64 = platform.Platform{OS: "linux", Architecture: "arm64"}
)

func TestValuesOfAPlatformWinOverTheCommonOnes(t *testing.T) {
	w := newHarness(t, "FROM alpine AS base\nARG X=none\nRUN echo $X\nFROM base AS other\nRUN echo other\nFROM base\n")
	w.req.BuildArgs = map[string]string{"X": "all", "Y": "all"}
	w.req.Own = map[string]Own{"linux/arm64": {BuildArgs: map[string]string{"X": "mine"}, Target: "other"}}
	w.mustRun()
	for _, s := range w.Solves() {
		attrs := w.Readings(s.Platform)[0].FrontendOpt
		want := [3]string{"all", "all", ""}
		if s.Platform.Architecture == "arm64" {
			want = [3]string{"mine", "all", "other"}
		}
		if got := [3]string{attrs["build-arg:X"], attrs["build-arg:Y"], attrs["target"]}; got != want {
			t.Errorf("%s: got %v, want %v", platform.Format(s.Platform), got, want)
		}
		if ran := strings.Contains(strings.Join(s.Ran, "\n"), "RUN echo other"); ran != (s.Platform.Architecture == "arm64") {
			t.Errorf("%s ran %v", platform.Format(s.Platform), s.Ran)
		}
	}
}

func TestEachPlatformIsBuiltFromItsOwnDockerfileInOneIndex(t *testing.T) {
	w := newHarness(t, "")
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, dir, "Dockerfile-amd64", "FROM scratch\nCOPY a /\n")
	write(t, dir, "Dockerfile.arm", "FROM scratch\nCOPY b /\n")
	write(t, elsewhere, "Dockerfile", "FROM alpine\nRUN echo arm64\n")
	write(t, dir, "a", "")
	write(t, dir, "b", "")
	w.source(source.Options{Context: dir, OwnOnly: true, Own: map[string]string{
		"linux/amd64":  filepath.Join(dir, "Dockerfile-amd64"),
		"linux/arm/v7": filepath.Join(dir, "Dockerfile.arm"),
		"linux/arm64":  filepath.Join(elsewhere, "Dockerfile"),
	}})
	w.mustRun()
	if index, _ := w.index("app:v1"); len(index.Manifests) != 3 {
		t.Errorf("the index has %d children", len(index.Manifests))
	}
	want := [][2]string{{"Dockerfile-amd64", "COPY a"}, {"Dockerfile.arm", "COPY b"}, {"Dockerfile", "echo arm64"}}
	for i, s := range w.Solves() {
		read := w.Readings(s.Platform)[0]
		text := string(bytes.Join(read.FrontendInputs["dockerfile"].Def, nil))
		if got := read.FrontendOpt["filename"]; got != want[i][0] || !strings.Contains(text, want[i][1]) {
			t.Errorf("%s: got %v with %q, want %v", platform.Format(s.Platform), got, text, want[i])
		}
	}
	if dirs := w.req.Source.Dirs; dirs["dockerfile"] != dir || dirs["_dockerfile2"] != elsewhere || len(dirs) != 3 {
		t.Errorf("directories %v", dirs)
	}
}

func TestTheDockerfilesOfAllPlatformsAreLookedAtAhead(t *testing.T) {
	w := newHarness(t, "")
	dir := t.TempDir()
	write(t, dir, "Dockerfile", "FROM scratch\nCOPY x /\n")
	own := write(t, dir, "Dockerfile.arm", "FROM localhost:5000/armbase\nRUN true\n")
	w.source(source.Options{Context: dir})
	if w.req.Source.MayRun() {
		t.Error("nothing runs")
	}
	w.source(source.Options{Context: dir, Own: map[string]string{"linux/arm/v7": own}})
	if !w.req.Source.MayRun() || len(w.req.ToProbe()) != 3 {
		t.Error("a step runs")
	}
	if image := w.req.LoopbackImage(); image == nil || image.Image != "localhost:5000/armbase" || image.File != own || image.Line != 1 {
		t.Errorf("got %v", image)
	}
}

func TestTheIgnoreFileBesideADockerfileIsItsOwn(t *testing.T) {
	for ignored, want := range map[string]int{"": 1, "secret\n": 2} { // another ignore list makes another request for the context
		w := newHarness(t, "")
		dir := t.TempDir()
		write(t, dir, "Dockerfile", "FROM scratch\nCOPY . /\n")
		own := write(t, dir, "Dockerfile.arm", "FROM scratch\nCOPY . /\n")
		write(t, dir, "Dockerfile.arm.dockerignore", ignored)
		w.source(source.Options{Context: dir, Own: map[string]string{"linux/arm/v7": own}})
		w.mustRun()
		n := 0
		for _, s := range w.Solves() {
			n += s.Context
		}
		if n != want {
			t.Errorf("ignoring %q: the context was sent %d times, want %d", ignored, n, want)
		}
	}
}
