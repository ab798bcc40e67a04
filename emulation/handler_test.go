package emulation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHandlersAreReadAsTheKernelWritesThem(t *testing.T) {
	text := "uname 6.1.0-18-amd64 x86_64\n" +
		entry("qemu-aarch64", "enabled", "interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P", "flags: POF", "offset 0",
			"magic 7f454c460201010000000000000000000200b700", "mask ffffffffffffff00fffffffffffffffffeffffff") +
		entry("rosetta", "enabled", "interpreter /run/rosetta/rosetta", "flags: OCF", "offset 0",
			"magic 7f454c4602010100000000000000000002003e00", "mask fffffffffffefe00fffffffffffffffffeffffff") +
		entry("WSLInterop", "enabled", "interpreter /init", "flags: PF", "offset 0", "magic 4d5a") +
		entry("python3.11", "disabled", "interpreter /usr/bin/python3.11", "flags: ", "offset 2", "magic 0d0d0a", "mask ffffff") +
		entry("jar", "enabled", "interpreter /usr/bin/jexec with space", "flags: ", "extension .jar") +
		entry("future", "enabled", "interpreter /x", "flags: X", "colour blue", "offset 0", "magic 00") +
		binfmtDir + "/register:\n" + listEntry + "ran amd64 0\nend\n"
	want := []Handler{
		{
			Name: "qemu-aarch64", Enabled: true, Interpreter: "/usr/libexec/qemu-binfmt/aarch64-binfmt-P", Flags: "POF",
			Magic: mustHex(t, "7f454c460201010000000000000000000200b700"), Mask: mustHex(t, "ffffffffffffff00fffffffffffffffffeffffff"),
		},
		{
			Name: "rosetta", Enabled: true, Interpreter: "/run/rosetta/rosetta", Flags: "OCF",
			Magic: mustHex(t, "7f454c4602010100000000000000000002003e00"), Mask: mustHex(t, "fffffffffffefe00fffffffffffffffffeffffff"),
		},
		{Name: "WSLInterop", Enabled: true, Interpreter: "/init", Flags: "PF", Magic: []byte("MZ")},
		{Name: "python3.11", Interpreter: "/usr/bin/python3.11", Offset: 2, Magic: mustHex(t, "0d0d0a"), Mask: mustHex(t, "ffffff")},
		{Name: "jar", Enabled: true, Interpreter: "/usr/bin/jexec with space", Extension: "jar"},
		{Name: "future", Enabled: true, Interpreter: "/x", Flags: "X", Magic: []byte{0}},
	}
	st := probeOf(t, text, "amd64")
	if diff := cmp.Diff(want, st.Handlers); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}
	if st.Kernel != "6.1.0-18-amd64" || st.Machine != "x86_64" || st.Off || st.HandlersUnknown != "" {
		t.Errorf("status %+v", st)
	}
	for i, flags := range []string{"POF", "OCF", "PF"} {
		for _, f := range "POCF" {
			if got := st.Handlers[i].Has(byte(f)); got != strings.ContainsRune(flags, f) {
				t.Errorf("%s has %c: %v", st.Handlers[i], f, got)
			}
		}
	}
}
