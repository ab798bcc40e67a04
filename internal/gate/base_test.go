package gate_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
)

// dynamicImage has three base layers. The middle one has the loader. The lowest has wrong programs that the image does not start.
func dynamicImage(t *testing.T) image {
	return image{
		base: [][]byte{
			layerOf(t, file("opt/wrong"), program("amd64"), dir("usr"), dir("usr/bin"), file("usr/bin/tool"), program("arm64")),
			layerOf(t, dir("usr"), dir("usr/lib"), link("lib", "usr/lib"), file("usr/lib/ld-musl-aarch64.so.1"), program("arm64")),
			layerOf(t, file("etc/motd"), []byte("hello")),
		},
		added: [][]byte{layerOf(t, file("app"), dynamic("arm64", musl), file("static"), program("arm64"))},
	}
}

func TestBaseLayersAreReadOnlyAsFarAsNeeded(t *testing.T) {
	for name, test := range map[string]struct {
		argv []string
		want []int // the number of reads of each layer
	}{
		"static":                 {[]string{"/static"}, []int{0, 0, 0, 1}},
		"dynamic":                {[]string{"/app"}, []int{0, 1, 1, 1}},
		"in the lowest layer":    {[]string{"/usr/bin/tool"}, []int{1, 1, 1, 1}},
		"nothing to start":       {nil, []int{0, 0, 0, 1}},
		"nowhere":                {[]string{"/none"}, []int{1, 1, 1, 1}},
		"found through PATH":     {[]string{"tool"}, []int{1, 1, 1, 1}},
		"found above, in PATH":   {[]string{"sh", "-c", "/static"}, []int{1, 1, 1, 1}},
		"in a folder of its own": {[]string{"./static"}, []int{0, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s, i := newStore(), dynamicImage(t)
			i.cmd = test.argv
			img := i.in(t, s)
			result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{})
			if err != nil || result.Verdict == gate.Refused || !result.BaseExamined {
				t.Errorf("%+v, %v", result, err)
			}
			var got []int
			for _, l := range img.Layers {
				got = append(got, s.Count[l.Descriptor.Digest])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestALargeBaseIsReadOnlyWhenAskedFor(t *testing.T) {
	i := dynamicImage(t)
	i.cmd = []string{"/app"}
	s := newStore()
	img := i.in(t, s)
	examine := func(opt gate.Options) gate.Result {
		result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch, BaseLimit: 10}, opt)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	result := examine(gate.Options{})
	if diff := cmp.Diff([]string{"ok", "note base-not-examined " + musl}, summary(result)); diff != "" || result.BaseExamined {
		t.Errorf("%v %s", result.BaseExamined, diff)
	}
	if result := examine(gate.Options{Mode: gate.Strict}); result.Verdict != gate.OK || !result.BaseExamined || len(result.Findings) > 0 {
		t.Errorf("strict: %+v", result)
	}
	i.cmd = []string{"/static"}
	img = i.in(t, s)
	if result := examine(gate.Options{}); result.Verdict != gate.OK || !result.BaseExamined || len(result.Findings) > 0 {
		t.Errorf("not needed: %+v", result)
	}
}

func TestALargeBaseThatIsAtHandIsRead(t *testing.T) {
	s, i := newStore(), dynamicImage(t)
	i.base[1] = layerOf(t, dir("lib"), file("lib/ld-musl-aarch64.so.1"), program("amd64"))
	i.cmd = []string{"/app"}
	img := i.in(t, s)
	near := newStore()
	for _, b := range i.base[1:] {
		near.Put(b)
	}
	result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch, FetchLocal: near.Fetch, BaseLimit: 10}, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"refused", "error loader-machine " + musl}, summary(result)); diff != "" || !result.BaseExamined {
		t.Errorf("%v %s", result.BaseExamined, diff)
	}
	i.cmd = []string{"/usr/bin/tool"} // in the lowest layer, which is for another machine
	result, err = gate.Examine(t.Context(), i.in(t, s), &layers.Lister{Fetch: s.Fetch, FetchLocal: near.Fetch, BaseLimit: 10}, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ok", "note base-not-examined /usr/bin/tool"}, summary(result)); diff != "" {
		t.Error(diff)
	}
}

func TestABaseThatCannotBeReadIsNoError(t *testing.T) {
	s, i := newStore(), dynamicImage(t)
	i.cmd = []string{"/app"}
	img := i.in(t, s)
	delete(s.Blobs, img.Layers[2].Descriptor.Digest)
	result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{})
	if err != nil || result.BaseExamined || result.Verdict != gate.OK {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestAnAddedLayerThatCannotBeReadIsAnError(t *testing.T) {
	s, i := newStore(), dynamicImage(t)
	img := i.in(t, s)
	delete(s.Blobs, img.Layers[3].Descriptor.Digest)
	if _, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{}); err == nil {
		t.Error("nothing was said")
	}
	if result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{Mode: gate.Off}); err != nil || result.Verdict != gate.NotAsked {
		t.Errorf("off: %+v, %v", result, err)
	}
}

func TestLayersWithoutAFileSystemAreNotExamined(t *testing.T) {
	s := newStore()
	img := image{cmd: []string{"/app"}}.in(t, s)
	for _, mediaType := range []string{"application/vnd.cncf.helm.chart.content.v1.tar+gzip", ocispecs.MediaTypeImageLayerGzip + "+encrypted", "text/plain"} {
		desc := s.Put([]byte("anything"))
		desc.MediaType = mediaType
		img.Layers = []gate.Layer{{Descriptor: desc}}
		result, err := gate.Examine(t.Context(), img, &layers.Lister{Fetch: s.Fetch}, gate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"not examined", "note layer-not-examined "}
		if diff := cmp.Diff(want, summary(result)); diff != "" || len(s.Count) > 0 {
			t.Errorf("%s: read %d, %s", mediaType, len(s.Count), diff)
		}
	}
}

func TestLinksWithoutFoldersLeadWhereTheyDoUnpacked(t *testing.T) {
	i := image{ // the layer above has no entry for the folder: its file is unpacked through the link
		base:  [][]byte{layerOf(t, link("bin", "usr/bin"), dir("usr"), dir("usr/bin"))},
		added: [][]byte{layerOf(t, file("bin/app"), program("amd64"))},
		cmd:   []string{"app"},
	}
	if diff := cmp.Diff([]string{"refused", "error entrypoint-machine /bin/app"}, summary(i.examine(t, gate.Options{}))); diff != "" {
		t.Error(diff)
	}
}

func TestARefusedErrorTellsTheFirstRefusal(t *testing.T) {
	var refused *gate.RefusedError
	err := error(&gate.RefusedError{Findings: []diag.Diagnostic{{Severity: diag.Warning, Message: "a"}, {Severity: diag.Error, Message: "b"}}})
	if !errors.As(err, &refused) || err.Error() != "b" {
		t.Error(err)
	}
}
