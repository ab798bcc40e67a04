package gate_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
)

// linked returns a program for a loader that needs libraries, or a library if there is no loader.
func linked(arch, loader string, l exetest.Linked) []byte {
	e := exetest.ForArch(arch)
	e.Interp, e.Linked = loader, &l
	return e.Bytes()
}

func needs(names ...string) exetest.Linked { return exetest.Linked{Needed: names} }

func lib(arch string, names ...string) []byte { return linked(arch, "", needs(names...)) }

// glibcRoot returns a distribution's root for arm64.
func glibcRoot(t *testing.T, more ...any) []byte {
	return layerOf(t, append([]any{
		link("lib", "usr/lib"), file("usr/lib/ld-linux-aarch64.so.1"), lib("arm64"), file("usr/lib/aarch64-linux-gnu/libc.so.6"), lib("arm64", "ld-linux-aarch64.so.1"),
		file("usr/lib/aarch64-linux-gnu/libz.so.1.2"), lib("arm64", "libc.so.6"), link("usr/lib/aarch64-linux-gnu/libz.so.1", "libz.so.1.2"),
	}, more...)...)
}

func TestTheImageHasTheDependenciesOfAProgram(t *testing.T) {
	app := func(l exetest.Linked) []byte { return linked("arm64", glibc, l) }
	missing, wrong := "error library-missing /app", "error library-machine "
	for name, test := range map[string]struct {
		added []any
		base  []any
		env   []string
		cmd   string
		want  []string
	}{
		"all is there":             {added: []any{file("app"), app(needs("libz.so.1", "libc.so.6"))}, want: []string{ok}},
		"one is missing":           {added: []any{file("app"), app(needs("libz.so.1", "libfoo.so.1"))}, want: []string{refuse, missing}},
		"one of a library's":       {added: []any{file("app"), app(needs("libbar.so")), file("usr/lib/libbar.so"), lib("arm64", "libfoo.so.1")}, want: []string{refuse, missing}},
		"one for another machine":  {added: []any{file("app"), app(needs("libfoo.so.1")), file("usr/local/lib/libfoo.so.1"), lib("amd64")}, want: []string{refuse, wrong + "/usr/local/lib/libfoo.so.1"}},
		"in the base":              {added: []any{file("app"), app(needs("libfoo.so.1"))}, base: []any{file("usr/lib/libfoo.so.1"), lib("amd64")}, want: []string{refuse, wrong + "/usr/lib/libfoo.so.1"}},
		"of 32 bits":               {added: []any{file("app"), app(needs("libfoo.so.1")), file("usr/lib/libfoo.so.1"), lib("arm")}, want: []string{refuse, wrong + "/usr/lib/libfoo.so.1"}},
		"a right one further on":   {added: []any{file("app"), app(needs("libfoo.so.1")), file("usr/lib/libfoo.so.1"), lib("amd64"), file("usr/local/lib/libfoo.so.1"), lib("arm64")}, want: []string{warn, "warning machine /usr/lib/libfoo.so.1"}},
		"beside it":                {added: []any{file("app"), app(exetest.Linked{Needed: []string{"libfoo.so"}, RunPath: "$ORIGIN/lib"}), file("lib64/x"), file("lib2/libfoo.so"), lib("arm64")}, want: []string{ok}},
		"by its own folder":        {added: []any{file("opt/bin/app"), app(exetest.Linked{Needed: []string{"libfoo.so"}, RunPath: "$ORIGIN/../l"}), file("opt/l/libfoo.so"), lib("amd64")}, cmd: "/opt/bin/app", want: []string{refuse, wrong + "/opt/l/libfoo.so"}},
		"by an older folder":       {added: []any{file("opt/bin/app"), app(exetest.Linked{Needed: []string{"libfoo.so"}, RPath: "/opt/l"}), file("opt/l/libfoo.so"), lib("arm64", "libbar.so"), file("opt/l/libbar.so"), lib("s390x")}, cmd: "/opt/bin/app", want: []string{refuse, wrong + "/opt/l/libbar.so"}},
		"by the environment":       {added: []any{file("app"), app(needs("libfoo.so")), file("x/libfoo.so"), lib("arm64", "libgone.so")}, env: []string{"LD_LIBRARY_PATH=/x"}, want: []string{refuse, missing}},
		"only its versions":        {added: []any{file("app"), app(needs("libfoo.so.1")), file("opt/libfoo.so.1.2.3"), lib("arm64")}, want: []string{ok}},
		"in a folder nobody knows": {added: []any{file("app"), app(needs("libfoo.so.1")), file("opt/deep/libfoo.so.1"), lib("arm64")}, want: []string{ok}},
		"there for another machine, in a folder nobody knows": {added: []any{file("app"), app(needs("libfoo.so.1")), file("opt/deep/libfoo.so.1"), lib("amd64")}, want: []string{refuse, wrong + "/opt/deep/libfoo.so.1"}},
		"a link to nothing":    {added: []any{file("app"), app(needs("libfoo.so.1")), link("usr/lib/libfoo.so.1", "libfoo.so.1.2")}, want: []string{refuse, missing}},
		"of the host's driver": {added: []any{file("app"), app(needs("libcuda.so.1", "libnvidia-ml.so.1"))}, want: []string{ok}},
		"before all others":    {added: []any{file("app"), app(needs("libfoo.so.1"))}, env: []string{"LD_PRELOAD=/x.so"}, want: []string{ok}},
		"by its path":          {added: []any{file("app"), app(needs("/opt/libfoo.so")), file("opt/libfoo.so"), lib("riscv64")}, want: []string{refuse, wrong + "/opt/libfoo.so"}},
		"what is no program":   {added: []any{file("app"), app(needs("libfoo.so")), file("usr/lib/libfoo.so"), []byte("INPUT(libc.so.6)")}, want: []string{ok}},
		"of a script's":        {added: []any{file("app"), script("#!/opt/python"), file("opt/python"), app(needs("libpython3.so"))}, want: []string{refuse, "error library-missing /opt/python"}},
	} {
		img := image{base: [][]byte{glibcRoot(t, test.base...)}, added: [][]byte{layerOf(t, test.added...)}, cmd: []string{"/app"}, env: test.env}
		if test.cmd != "" {
			img.cmd = []string{test.cmd}
		}
		if diff := cmp.Diff(test.want, summary(img.examine(t, gate.Options{}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestALibraryThatMayComeFromElsewhereIsNotMissed(t *testing.T) {
	app := layerOf(t, file("app"), linked("arm64", glibc, exetest.Linked{Needed: []string{"libfoo.so.1"}, RunPath: "/data/lib"}))
	img := image{base: [][]byte{glibcRoot(t)}, added: [][]byte{app}, cmd: []string{"/app"}}
	if got := img.examine(t, gate.Options{Allow: []string{"/app"}}); got.Verdict != gate.OK {
		t.Errorf("exempted: %v", summary(got))
	}
	s := newStore()
	built := img.in(t, s)
	built.Config.Config.Volumes = map[string]struct{}{"/data": {}}
	if got, err := gate.Examine(t.Context(), built, &layers.Lister{Fetch: s.Fetch}, gate.Options{}); err != nil || got.Verdict != gate.OK {
		t.Errorf("in a volume: %v, %v", summary(got), err)
	}
	// An unread layer of the base image may have it.
	s = newStore()
	built = img.in(t, s)
	unread := gate.Layer{Descriptor: ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerGzip, Digest: s.Put([]byte("x")).Digest, Size: 1 << 30}, Base: true}
	built.Layers = append([]gate.Layer{unread}, built.Layers...)
	if got, err := gate.Examine(t.Context(), built, &layers.Lister{Fetch: s.Fetch}, gate.Options{}); err != nil || got.Verdict != gate.OK {
		t.Errorf("in a layer that is not read: %v, %v", summary(got), err)
	}
}

func TestMuslHasItsOwnNamesBuiltIn(t *testing.T) {
	alpine := layerOf(t, file("lib/ld-musl-aarch64.so.1"), lib("arm64"), link("lib/libc.musl-aarch64.so.1", "ld-musl-aarch64.so.1"),
		file("lib/ld-linux-aarch64.so.1"), linked("arm64", musl, needs("libgcompat.so.0")), file("lib/libgcompat.so.0"), lib("arm64"))
	for name, test := range map[string]struct {
		app  []byte
		want []string
	}{
		"musl":              {linked("arm64", musl, needs("libc.musl-aarch64.so.1", "libm.so.6", "libpthread.so.0", "libc.so")), []string{ok}},
		"musl, one missing": {linked("arm64", musl, needs("libc.musl-aarch64.so.1", "libstdc++.so.6")), []string{refuse, "error library-missing /app"}},
		"glibc by gcompat":  {linked("arm64", glibc, needs("libc.so.6", "libdl.so.2", "ld-linux-aarch64.so.1")), []string{ok}},
	} {
		got := image{base: [][]byte{alpine}, added: [][]byte{layerOf(t, file("app"), test.app)}, cmd: []string{"/app"}}.examine(t, gate.Options{})
		if diff := cmp.Diff(test.want, summary(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAMissingLibraryIsReportedWithTheProgramThatNeedsIt(t *testing.T) {
	app := layerOf(t, file("app"), linked("arm64", glibc, needs("libbar.so")), file("usr/lib/libbar.so"), lib("arm64", "libfoo.so.1"))
	got := image{base: [][]byte{glibcRoot(t)}, added: [][]byte{app}, cmd: []string{"/app"}}.examine(t, gate.Options{})
	if want := `"/app" needs the library "libbar.so", which needs "libfoo.so.1", which the image lacks (layer `; !strings.HasPrefix(got.Findings[0].Message, want) {
		t.Error(got.Findings[0].Message)
	}
}

func TestManyLibrariesAreBounded(t *testing.T) {
	parts := []any{file("app"), linked("arm64", glibc, needs("lib0.so"))}
	for i := range 400 {
		parts = append(parts, file("usr/lib/lib"+strconv.Itoa(i)+".so"), lib("arm64", "lib"+strconv.Itoa(i+1)+".so"))
	}
	got := image{base: [][]byte{glibcRoot(t)}, added: [][]byte{layerOf(t, parts...)}, cmd: []string{"/app"}}.examine(t, gate.Options{})
	if got.Verdict != gate.OK {
		t.Error(summary(got))
	}
}

func TestALevelThatThePlatformDoesNotPromiseIsAWarning(t *testing.T) {
	at := func(level int) []byte {
		e := exetest.ForArch("amd64")
		e.Level = level
		return layerOf(t, file("app"), e.Bytes())
	}
	ld := "/lib64/ld-linux-x86-64.so.2"
	library := exetest.ForArch("amd64")
	library.Level, library.Linked = 4, &exetest.Linked{}
	dynamic := layerOf(t, file("app"), linked("amd64", ld, needs("libx.so")), file(ld), program("amd64"), file("usr/lib/libx.so"), library.Bytes())
	for name, test := range map[string]struct {
		platform string
		layer    []byte
		want     []string
	}{
		"the first":               {"linux/amd64", at(1), []string{ok}},
		"the second":              {"linux/amd64", at(2), []string{warn, "warning x86-level /app"}},
		"the third of v3":         {"linux/amd64/v3", at(3), []string{ok}},
		"the fourth of v3":        {"linux/amd64/v3", at(4), []string{warn, "warning x86-level /app"}},
		"the fourth of a library": {"linux/amd64/v2", dynamic, []string{warn, "warning x86-level /usr/lib/libx.so"}},
	} {
		got := image{platform: test.platform, added: [][]byte{test.layer}, cmd: []string{"/app"}}.examine(t, gate.Options{})
		if diff := cmp.Diff(test.want, summary(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
