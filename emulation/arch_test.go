package emulation

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The values are those that Debian 12's qemu-user-static registers (/usr/lib/binfmt.d, magic and mask
// as the kernel prints them), and those of QEMU's own script for the two that Debian leaves out on x86.
// allowed names the bytes in which our mask differs on purpose.
func TestMagicAndMaskAreThePublishedOnes(t *testing.T) {
	const osABIUpTo3, abiVersion = elfOSABI, elfABIVersion
	tests := []struct {
		arch, magic, mask string
		allowed           []int
	}{
		{arch: "arm64", magic: "7f454c460201010000000000000000000200b700", mask: "ffffffffffffff00fffffffffffffffffeffffff"},
		{arch: "arm", magic: "7f454c4601010100000000000000000002002800", mask: "ffffffffffffff00fffffffffffffffffeffffff"},
		{arch: "riscv64", magic: "7f454c460201010000000000000000000200f300", mask: "ffffffffffffff00fffffffffffffffffeffffff"},
		{arch: "amd64", magic: "7f454c4602010100000000000000000002003e00", mask: "fffffffffffefe00fffffffffffffffffeffffff"},
		{arch: "386", magic: "7f454c4601010100000000000000000002000300", mask: "fffffffffffefe00fffffffffffffffffeffffff"},
		{
			// They accept an OSABI of 0 to 3 where we accept any, and for ppc64le ignore half of
			// e_machine.
			arch: "ppc64le", magic: "7f454c4602010100000000000000000002001500", mask: "fffffffffffffffcfffffffffffffffffeffff00",
			allowed: []int{osABIUpTo3, 19},
		},
		{
			arch: "s390x", magic: "7f454c4602020100000000000000000000020016", mask: "fffffffffffffffcfffffffffffffffffffeffff",
			allowed: []int{osABIUpTo3},
		},
		{
			arch: "loong64", magic: "7f454c4602010100000000000000000002000201", mask: "fffffffffffffffc00fffffffffffffffeffffff",
			allowed: []int{osABIUpTo3, abiVersion},
		},
		{
			// They accept an ABI version of 0 or 1; there are also 3 and 5.
			arch: "mips64le", magic: "7f454c4602010100000000000000000002000800", mask: "ffffffffffffff00fefffffffffffffffeffffff",
			allowed: []int{abiVersion},
		},
		{
			arch: "mips64", magic: "7f454c4602020100000000000000000000020008", mask: "ffffffffffffff00fefffffffffffffffffeffff",
			allowed: []int{abiVersion},
		},
	}
	if len(tests) != len(Archs()) {
		t.Errorf("%d facts for %d architectures", len(tests), len(Archs()))
	}
	for _, tt := range tests {
		t.Run(tt.arch, func(t *testing.T) {
			a, ok := Lookup(tt.arch)
			if !ok {
				t.Fatal("not in the table")
			}
			if diff := cmp.Diff(tt.magic, hex.EncodeToString(a.Magic())); diff != "" {
				t.Errorf("magic (-published +ours):\n%s", diff)
			}
			mask, want := a.Mask(), mustHex(t, tt.mask)
			for _, i := range tt.allowed {
				if mask[i] == want[i] {
					t.Errorf("mask byte %d does not differ", i)
				}
				want[i] = mask[i]
			}
			if !bytes.Equal(mask, want) {
				t.Errorf("mask is %x, want %x", mask, want)
			}
		})
	}
}

const (
	elfOSABI      = 7
	elfABIVersion = 8
)

func TestEachHandlerMatchesItsOwnProgramsOnly(t *testing.T) {
	for _, a := range Archs() {
		h := Handler{Magic: a.Magic(), Mask: a.Mask()}
		for _, other := range Archs() {
			if got := h.Matches(other.Program()); got != (a.Name == other.Name) {
				t.Errorf("%s matches a program of %s: %v", a.Name, other.Name, got)
			}
		}
		variants := map[string]func(b []byte){
			"position-independent": func(b []byte) { b[16], b[17] = b[16]|b[16]>>1, b[17]|b[17]>>1 },
			"with GNU's OSABI":     func(b []byte) { b[elfOSABI] = 3 },
			"with FreeBSD's OSABI": func(b []byte) { b[elfOSABI] = 9 },
		}
		for name, change := range variants {
			p := a.Program()
			change(p)
			if !h.Matches(p) {
				t.Errorf("%s does not match a program %s", a.Name, name)
			}
		}
		for name, change := range map[string]func(b []byte){
			"relocatable file": func(b []byte) { b[16], b[17] = b[16]/2, b[17]/2 },
			"other class":      func(b []byte) { b[4] ^= 3 },
		} {
			p := a.Program()
			change(p)
			if h.Matches(p) {
				t.Errorf("%s matches a %s", a.Name, name)
			}
		}
	}
}

func TestRegistrationIsOneLineThatTheKernelTakes(t *testing.T) {
	a, _ := Lookup("s390x")
	got := a.Registration("/usr/bin/qemu-s390x-static", "FC")
	want := `:qemu-s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16` +
		`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/usr/bin/qemu-s390x-static:FC`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, a := range Archs() {
		// 1920 bytes: binfmt-misc.rst.
		if line := a.Registration(strings.Repeat("x", 127), "POCF"); len(line) > 1920 || strings.Count(line, ":") != 7 {
			t.Errorf("%s: %d bytes, %d fields", a.Name, len(line), strings.Count(line, ":"))
		}
	}
}

func TestNamesOfTheTable(t *testing.T) {
	type row struct{ Name, Machine, Handler, Builder string }
	var got []row
	for _, a := range Archs() {
		m := ""
		if len(a.Machines) > 0 {
			m = a.Machines[0]
		}
		got = append(got, row{a.Name, m, a.HandlerName(), a.BuilderEmulator()})
	}
	want := []row{
		{"amd64", "x86_64", "qemu-x86_64", "buildkit-qemu-x86_64"},
		{"arm64", "aarch64", "qemu-aarch64", "buildkit-qemu-aarch64"},
		{"arm", "armv8l", "qemu-arm", "buildkit-qemu-arm"},
		{"386", "i686", "qemu-i386", "buildkit-qemu-i386"},
		{"riscv64", "riscv64", "qemu-riscv64", "buildkit-qemu-riscv64"},
		{"ppc64le", "ppc64le", "qemu-ppc64le", "buildkit-qemu-ppc64le"},
		{"s390x", "s390x", "qemu-s390x", "buildkit-qemu-s390x"},
		{"mips64le", "", "qemu-mips64el", "buildkit-qemu-mips64le"},
		{"mips64", "mips64", "qemu-mips64", "buildkit-qemu-mips64"},
		{"loong64", "loongarch64", "qemu-loongarch64", "buildkit-qemu-loong64"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, r := range want {
		if r.Machine == "" {
			continue
		}
		if a, ok := LookupMachine(r.Machine); !ok || a.Name != r.Name {
			t.Errorf("machine %q is %q", r.Machine, a.Name)
		}
	}
	if _, ok := Lookup("aarch64"); ok {
		t.Error("QEMU's name was taken for Go's")
	}
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
