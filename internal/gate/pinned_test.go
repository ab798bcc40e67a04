package gate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestProgramsOfABaseForAnotherMachineAreAFinding(t *testing.T) {
	userland := layerOf(t, file("bin/sh"), program("amd64"), file("bin/ls"), program("amd64"), file("etc/start"), script("#!/bin/sh"), file("usr/lib/debug/x"), program("amd64"))
	more := layerOf(t, file("bin/ls"), program("amd64"), file("bin/own"), program("arm64"))
	app := layerOf(t, file("app"), program("arm64"))
	shadow := layerOf(t, file("app"), program("arm64"), file(".wh.bin"))
	amd64, arm64 := platform.Platform{OS: "linux", Architecture: "amd64"}, platform.Platform{OS: "linux", Architecture: "arm64"}
	for name, test := range map[string]struct {
		image image
		base  platform.Platform
		opt   gate.Options
		want  []string
		count int
	}{
		"a userland":                             {image{base: [][]byte{userland, more}, added: [][]byte{app}}, amd64, gate.Options{}, []string{warn, "warning base-machine /bin/ls"}, 2},
		"strict":                                 {image{base: [][]byte{userland}, added: [][]byte{app}}, amd64, gate.Options{Mode: gate.Strict}, []string{refuse, "error base-machine /bin/ls"}, 2},
		"exempted":                               {image{base: [][]byte{userland}, added: [][]byte{app}}, amd64, gate.Options{Allow: []string{"/bin"}}, []string{ok}, 0},
		"removed":                                {image{base: [][]byte{userland}, added: [][]byte{shadow}}, amd64, gate.Options{}, []string{ok}, 0},
		"a base without programs":                {image{base: [][]byte{layerOf(t, file("etc/passwd"), []byte("root"))}, added: [][]byte{app}}, amd64, gate.Options{}, []string{ok}, 0},
		"a base that says it is for the machine": {image{base: [][]byte{userland}, added: [][]byte{app}}, arm64, gate.Options{}, []string{ok}, 0},
		"a base that says nothing":               {image{base: [][]byte{userland}, added: [][]byte{app}}, platform.Platform{}, gate.Options{}, []string{ok}, 0},
	} {
		test.image.cmd = []string{"/app"}
		s := newStore()
		img := test.image.in(t, s)
		img.Base = test.base
		got, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, test.opt)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, summary(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if test.count > 0 && got.Findings[0].Count != test.count {
			t.Errorf("%s: %d files: %s", name, got.Findings[0].Count, got.Findings[0].Message)
		}
	}
}
