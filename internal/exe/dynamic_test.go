package exe_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/exe"
	"github.com/docker-multiarch/docker-multiarch/internal/exe/exetest"
)

func TestTheLibrariesOfAProgramAreReadWhereverLinkersPutThem(t *testing.T) {
	want := &exe.Dynamic{Needed: []string{"libfoo.so.1", "libc.so.6"}, Soname: "libx.so", RPath: "/opt/lib:$ORIGIN", RunPath: "$ORIGIN/../lib"}
	for name, change := range map[string]func(*exetest.ELF){
		"behind the names":    func(*exetest.ELF) {},
		"far behind":          func(e *exetest.ELF) { e.Linked.Gap = 3 << 20 },
		"behind what is kept": func(e *exetest.ELF) { e.Linked.Gap = 16 << 20 },
		"before the names":    func(e *exetest.ELF) { e.Linked.NamesLast, e.Linked.Gap = true, 16<<20 },
		"of 32 bits": func(e *exetest.ELF) {
			*e = exetest.ELF{Machine: exetest.ForArch("arm").Machine, Narrow: true, Linked: e.Linked}
		},
		"big-endian": func(e *exetest.ELF) {
			*e = exetest.ELF{Machine: exetest.ForArch("s390x").Machine, BigEndian: true, Linked: e.Linked}
		},
		"with a loader": func(e *exetest.ELF) { e.Interp = "/lib/ld.so.1" },
	} {
		e := exetest.ForArch("arm64")
		e.Linked = &exetest.Linked{Needed: want.Needed, Soname: want.Soname, RPath: want.RPath, RunPath: want.RunPath}
		change(&e)
		var r exe.Reader
		for range 2 { // the second time with the reused buffer
			file := e.Bytes()
			f, got, ok, err := r.Read(file[:64], bytes.NewReader(file[64:]))
			if err != nil || !ok || f.Interpreter != e.Interp {
				t.Fatalf("%s: %+v, %v, %v", name, f, ok, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestADynamicSectionThatMakesNoSenseSaysNothing(t *testing.T) {
	e := exetest.ForArch("amd64")
	e.Linked = &exetest.Linked{Needed: []string{"libfoo.so.1"}}
	file := e.Bytes()
	for cut := range len(file) {
		var r exe.Reader
		if _, d, _, err := r.Read(file[:cut], strings.NewReader("")); err != nil || d != nil && len(d.Needed) != 1 {
			t.Fatalf("of the first %d bytes: %+v, %v", cut, d, err)
		}
	}
	for i := 64; i < len(file); i += 3 {
		broken := bytes.Clone(file)
		broken[i] ^= 0xff
		var r exe.Reader
		if _, _, _, err := r.Read(broken, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALevelIsReadFromThePropertyNote(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		for level := range 5 {
			e := exetest.ForArch(arch)
			e.Level = level
			f, _, err := exe.Read(e.Bytes(), nil)
			want := level
			if arch != "amd64" {
				want = 0
			}
			if err != nil || f.Level != want {
				t.Errorf("%s: level %d, want %d (%v)", arch, f.Level, want, err)
			}
		}
	}
}

func FuzzReader(f *testing.F) {
	e := exetest.ForArch("amd64")
	e.Level, e.Interp, e.Linked = 3, "/lib/ld.so", &exetest.Linked{Needed: []string{"a"}, RPath: "b", NamesLast: true}
	f.Add(e.Bytes())
	f.Fuzz(func(_ *testing.T, file []byte) {
		var r exe.Reader
		_, _, _, _ = r.Read(file[:min(64, len(file))], bytes.NewReader(file[min(64, len(file)):]))
	})
}
