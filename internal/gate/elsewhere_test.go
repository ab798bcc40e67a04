package gate_test

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
)

func TestFilesThatNoProgramIsKnownToRun(t *testing.T) {
	relocatable := exetest.ELF{Machine: elf.EM_X86_64, Type: elf.ET_REL}.Bytes()
	core := exetest.ELF{Machine: elf.EM_X86_64, Type: elf.ET_CORE}.Bytes()
	library := exetest.ELF{Machine: elf.EM_X86_64, Type: elf.ET_DYN}.Bytes()
	bpf := exetest.ELF{Machine: elf.EM_BPF}.Bytes()
	rv32 := exetest.ELF{Machine: elf.EM_RISCV, Narrow: true}.Bytes()
	for name, test := range map[string]struct {
		file any
		body []byte
		want []string
	}{
		"a program":                     {file("opt/x"), program("amd64"), []string{"warned", "warning machine /opt/x"}},
		"a program that nobody may run": {mode(file("opt/x"), 0o644), program("amd64"), []string{"warned", "warning machine /opt/x"}},
		"a library":                     {file("usr/lib/x.so"), library, []string{"warned", "warning machine /usr/lib/x.so"}},
		"the other byte order":          {file("opt/x"), exetest.ELF{Machine: elf.EM_AARCH64, BigEndian: true}.Bytes(), []string{"ok"}},
		"an object":                     {file("usr/lib/crt1.o"), relocatable, []string{"ok"}},
		"a core":                        {file("core"), core, []string{"ok"}},
		"for the kernel's own machine":  {file("lib/bpf.o"), bpf, []string{"ok"}},
		"firmware":                      {file("lib/firmware/x.bin"), rv32, []string{"ok"}},
		"firmware for a machine that has platforms": {file("usr/lib/firmware/x.elf"), program("arm"), []string{"ok"}},
		"symbols":              {file("usr/lib/debug/.build-id/aa/bb.debug"), program("amd64"), []string{"ok"}},
		"what Go's tests read": {file("usr/local/go/src/debug/elf/testdata/gcc-riscv64-linux-exec"), program("riscv64"), []string{"ok"}},
		"EFI":                  {file("boot/x.efi"), exetest.PE(0x8664, 10, false), []string{"ok"}},
		".NET":                 {file("app/x.dll"), exetest.PE(0x14c, 3, true), []string{"ok"}},
		"Windows, as in pip":   {file("usr/lib/python3/t64.exe"), exetest.PE(0x8664, 3, false), []string{"ok", "note machine /usr/lib/python3/t64.exe"}},
		"macOS":                {file("x.node"), macho(), []string{"ok", "note machine /x.node"}},
		"Java":                 {file("x.class"), exetest.JavaClass(), []string{"ok"}},
		"the narrower mode":    {file("lib/x"), program("arm"), []string{"ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			img := image{added: [][]byte{layerOf(t, test.file, test.body)}}
			if diff := cmp.Diff(test.want, summary(img.examine(t, gate.Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStrictRefusesAnyFileOfAnotherMachine(t *testing.T) {
	img := image{added: [][]byte{layerOf(t, file("opt/x"), program("amd64"), file("t64.exe"), exetest.PE(0x8664, 3, false))}}
	want := []string{"refused", "error machine /opt/x", "note machine /t64.exe"}
	if diff := cmp.Diff(want, summary(img.examine(t, gate.Options{Mode: gate.Strict}))); diff != "" {
		t.Error(diff)
	}
}

func TestManyFilesAreOneFinding(t *testing.T) {
	var parts []any
	for i := range 300 {
		parts = append(parts, file(fmt.Sprintf("opt/cross/bin/tool%03d", i)), program("s390x"))
	}
	parts = append(parts, file("app"), program("arm64"), file("opt/other"), program("386"))
	result := image{added: [][]byte{layerOf(t, parts...)}, cmd: []string{"/app"}}.examine(t, gate.Options{})
	if want := []string{"warned", "warning machine /opt/cross/bin/tool000", "warning machine /opt/other"}; !slices.Equal(want, summary(result)) {
		t.Fatalf("%q", summary(result))
	}
	many := result.Findings[0]
	if many.Count != 300 || len(many.Paths) != 10 || many.Machine != "s390x" || result.Files != 302 {
		t.Errorf("%+v of %d files", many, result.Files)
	}
}

func TestGlobsExemptFiles(t *testing.T) {
	img := image{added: [][]byte{layerOf(t,
		file("opt/cross/bin/cc"), program("amd64"), file("opt/cross/lib/deep/x.so"), program("amd64"), file("srv/app.bin"), program("amd64"),
	)}, cmd: []string{"/srv/app.bin"}}
	cross, app := "warning machine /opt/cross/bin/cc", "error entrypoint-machine /srv/app.bin"
	for _, test := range []struct {
		globs     []string
		want      []string
		unmatched []string
	}{
		{[]string{"/opt/cross"}, []string{"refused", app}, nil},
		{[]string{"/opt/cross/"}, []string{"refused", app}, nil},
		{[]string{"opt/*/bin", "/opt/**/*.so"}, []string{"refused", app}, nil},
		{[]string{"/**"}, []string{"ok"}, nil},
		{[]string{"**/app.*", "/opt/cross/**"}, []string{"ok"}, nil},
		{[]string{"*.so"}, []string{"refused", app, cross}, []string{"*.so"}},
		{[]string{"/srv/app.b?n", "/opt/cros", "/nothing/**"}, []string{"warned", cross}, []string{"/opt/cros", "/nothing/**"}},
	} {
		result := img.examine(t, gate.Options{Allow: test.globs})
		if diff := cmp.Diff(test.want, summary(result)); diff != "" {
			t.Errorf("%q: %s", test.globs, diff)
		}
		if diff := cmp.Diff(test.unmatched, result.Unmatched); diff != "" {
			t.Errorf("%q: %s", test.globs, diff)
		}
	}
}

func TestABadGlobIsRefused(t *testing.T) {
	if gate.CheckAllow("/opt/[a") == nil || gate.CheckAllow("/opt/[a/b]") == nil || gate.CheckAllow("/opt/**/[a-z]*") != nil {
		t.Error("a glob was misjudged")
	}
}

func TestPlatformsWithTheSameContentAreMentioned(t *testing.T) {
	s, shared, own := newStore(), layerOf(t, file("app"), program("amd64")), layerOf(t, file("app"), program("arm64"))
	images := []gate.Image{
		image{platform: "linux/amd64", base: [][]byte{own}, added: [][]byte{shared}}.in(t, s),
		image{platform: "linux/amd64/v2", added: [][]byte{shared}}.in(t, s),
		image{platform: "linux/arm64", added: [][]byte{own}}.in(t, s),
		image{platform: "linux/s390x", base: [][]byte{own}, added: [][]byte{shared}}.in(t, s),
		image{platform: "linux/riscv64", base: [][]byte{own}}.in(t, s),
		image{platform: "linux/ppc64le", base: [][]byte{own}}.in(t, s),
	}
	got := gate.SameLayers(images)
	if len(got) != 1 || got[0].Platform() != "linux/s390x" || got[0].Severity != diag.Note || got[0].Message != "the build added the same files as for linux/amd64" {
		t.Errorf("%+v", got)
	}
}

func TestWindowsImagesAreJudgedMildly(t *testing.T) {
	amd64, arm64 := exetest.PE(0x8664, 3, false), exetest.PE(0xaa64, 3, false)
	layer := layerOf(t, file("Files/App/Server.exe"), arm64, file("Files/Windows/System32/cmd.exe"), amd64, file("Files/x"), program("amd64"))
	for name, test := range map[string]struct {
		image image
		want  []string
	}{
		"absolute": {image{entrypoint: []string{`C:\app\SERVER.exe`}}, []string{"warned", "warning entrypoint-machine /Files/App/Server.exe"}},
		"in PATH":  {image{cmd: []string{"server"}, env: []string{`Path=c:\app;c:\bin`}}, []string{"warned", "warning entrypoint-machine /Files/App/Server.exe"}},
		"relative": {image{cmd: []string{`.\server`}, dir: `C:\App`}, []string{"warned", "warning entrypoint-machine /Files/App/Server.exe"}},
		"shell":    {image{cmd: []string{"cmd", "/S", "/C", `"C:\App\server.exe" --x`}}, []string{"warned", "warning entrypoint-machine /Files/App/Server.exe"}},
		"one line": {image{cmd: []string{`cmd /S /C C:\App\server.exe`}}, []string{"warned", "warning entrypoint-machine /Files/App/Server.exe"}},
		"missing":  {image{cmd: []string{`C:\nothing.exe`}}, []string{"warned", "warning machine /Files/App/Server.exe"}},
		"blank":    {image{cmd: []string{" "}}, []string{"warned", "warning machine /Files/App/Server.exe"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.image.platform, test.image.added = "windows/amd64", [][]byte{layer}
			want := append(test.want, "note machine /Files/x")
			if diff := cmp.Diff(want, summary(test.image.examine(t, gate.Options{}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheSystemIsNamedWhereItIsNotTheImages(t *testing.T) {
	for name, test := range map[string]struct {
		platform string
		file     []byte
		want     string
	}{
		"Windows":      {"windows/amd64", program("amd64"), `"/app" is for Linux amd64 (ELF), the image for Windows amd64 (`},
		"macOS":        {"darwin/arm64", program("arm64"), `the entrypoint "/app" is for Linux arm64 (ELF), the image for macOS arm64 (`},
		"Linux":        {"linux/arm64", macho(), `the entrypoint "/app" is for macOS arm64 (Mach-O), the image for arm64 (`},
		"only machine": {"linux/arm64", program("amd64"), `the entrypoint "/app" is for amd64, the image for arm64 (`},
	} {
		result := image{platform: test.platform, cmd: []string{"/app"}, added: [][]byte{layerOf(t, file("app"), test.file)}}.examine(t, gate.Options{})
		if len(result.Findings) != 1 || !strings.HasPrefix(result.Findings[0].Message, test.want) {
			t.Errorf("%s: %+v, want %q", name, result.Findings, test.want)
		}
	}
}
