package gate_test

import (
	"archive/tar"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
)

func TestNothingLeadsOutOfTheImage(t *testing.T) {
	missing := []string{"warned", "warning entrypoint-missing /app"}
	for name, test := range map[string]struct {
		layer []byte
		want  []string
	}{
		"a link to itself":       {layerOf(t, link("app", "app")), missing},
		"a circle":               {layerOf(t, link("app", "/b"), link("b", "c/../app"), dir("c")), missing},
		"a link to nothing":      {layerOf(t, link("app", "")), missing},
		"a link out":             {layerOf(t, link("app", "../../../../bin/sh")), missing},
		"a link to the root":     {layerOf(t, link("app", "/")), []string{"warned", "warning entrypoint-mode /"}},
		"a link that grows":      {layerOf(t, link("app", "app/app/app/app")), missing},
		"a very long link":       {layerOf(t, link("app", strings.Repeat("a/", 100000))), []string{"ok", "note layer-not-examined "}},
		"a hard link to itself":  {layerOf(t, hardlink("app", "app")), missing},
		"hard links in a circle": {layerOf(t, hardlink("app", "b"), hardlink("b", "app")), missing},
		"a hard link out":        {layerOf(t, hardlink("app", "../../../bin/sh")), missing},
		"a file as a folder":     {layerOf(t, link("app", "/file/x"), file("file"), program("arm64")), missing},
		"a device":               {layerOf(t, entry{Name: "app", Typeflag: tar.TypeBlock}), []string{"ok"}},
		"through .. only":        {layerOf(t, link("app", "/x/../../../../real"), file("real"), program("amd64"), dir("x")), []string{"refused", "error entrypoint-machine /real"}},
	} {
		t.Run(name, func(t *testing.T) {
			img := image{added: [][]byte{test.layer}, cmd: []string{"/app"}}
			if diff := cmp.Diff(test.want, summary(img.examine(t, gate.Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALayerThatCannotBeUnpackedRefusesTheImage(t *testing.T) {
	good := gzipped(t, layerOf(t, file("app"), program("arm64")))
	img := image{added: [][]byte{good[:len(good)/2]}, cmd: []string{"/app"}}
	if got := summary(img.examine(t, gate.Options{})); got[0] != "refused" || got[1] != "error layer " {
		t.Errorf("the image: %q", got)
	}
}

func TestNamesCannotWriteToATerminal(t *testing.T) {
	img := image{added: [][]byte{layerOf(t, file("app\x1b[2J\n"), program("amd64"))}, cmd: []string{"/app\x1b[2J\n"}}
	result := img.examine(t, gate.Options{})
	if len(result.Findings) != 1 || strings.ContainsAny(result.Findings[0].Message, "\x1b\n") {
		t.Errorf("%+v", result.Findings)
	}
}

func TestOddCommandsAreTaken(t *testing.T) {
	layer := layerOf(t, file("bin/sh"), program("arm64"), file("bin/env"), program("arm64"))
	for _, argv := range [][]string{
		{""},
		{"", "x"},
		{"/"},
		{"."},
		{".."},
		{"sh"},
		{"sh", "-c"},
		{"sh", "-c", ""},
		{"sh", "-c", "   ;;; && "},
		{"sh", "-c", "cd"},
		{"sh", "-c", "exec"},
		{"sh", "-c", strings.Repeat("cd x && ", 50000)},
		{"sh", "-c", strings.Repeat("sh -c ", 50000)},
		{"env"},
		{"env", "-S"},
		{"env", "-S", ""},
		{"env", "A=b"},
		{"env", "env", "env", "env", "env", "env", "env", "env", "env", "env", "env"},
		{strings.Repeat("a/", 5000)},
		{"sh", "-o"},
	} {
		img := image{added: [][]byte{layer}, cmd: argv}
		if got := img.examine(t, gate.Options{}); got.Verdict == gate.Refused {
			t.Errorf("%.80q: %+v", argv, got)
		}
	}
}

// The missing file may be in the part that was cut off.
func TestTruncatedListingsReportNothingMissing(t *testing.T) {
	s := newStore()
	img := image{added: [][]byte{layerOf(t, file("data"), []byte("x")), layerOf(t, file(strings.Repeat("d/", 3000)+"x"), []byte("x"))}, cmd: []string{"/app"}}.in(t, s)
	result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ok", "note layer-not-examined "}, summary(result)); diff != "" {
		t.Error(diff)
	}
}

func FuzzScan(f *testing.F) {
	whole := layerOf(f, dir("usr"), file("usr/app"), program("amd64"), link("app", "usr/app"), hardlink("b", "usr/app"), file(".wh.x"), file("s"), script("#!/bin/sh -e"))
	f.Add(whole)
	f.Add(whole[:700])
	f.Add(layerOf(f, tar.Header{Name: "x", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"path": strings.Repeat("a/", 200), "comment": "x"}}))
	f.Add(gzipped(f, whole))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStore()
		img := image{added: [][]byte{b}, cmd: []string{"/app"}}.in(t, s)
		img.Layers[0].Descriptor.MediaType = ocispecs.MediaTypeImageLayer
		if _, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{}); err != nil {
			t.Error(err)
		}
	})
}
