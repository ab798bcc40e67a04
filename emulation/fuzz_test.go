package emulation

import (
	"strings"
	"testing"
)

// FuzzReport reads a container's report about its kernel, which has the texts of handler files that any
// program may have registered.
func FuzzReport(f *testing.F) {
	f.Add("uname 6.1.0 x86_64\n" + entry("qemu-aarch64", "enabled", "interpreter /usr/bin/qemu-aarch64-static", "flags: POF", "offset 0",
		"magic 7f454c460201010000000000000000000200b700", "mask ffffffffffffff00fffffffffffffffffeffffff") +
		"ran arm64 0\nsaid arm64 x\nversion arm64 qemu-aarch64 version 7.2.22 (Debian)\nbuilder arm64 - /usr/bin/buildkit-qemu-aarch64\nend\n")
	f.Add(entry("jar", "disabled", "interpreter /usr/bin/jexec with space", "flags: ", "extension .jar") + binfmtDir + "/status:disabled\nchroot-error x\nend\n")
	f.Fuzz(func(t *testing.T, text string) {
		rep, err := parseReport(text)
		if err != nil {
			return
		}
		for _, h := range rep.handlers {
			h.Matches([]byte(text))
			if line := h.Registration(); strings.Contains(h.Name, "\n") || strings.Count(line, "\n") > 0 {
				t.Errorf("%q is registered by %q", h.Name, line)
			}
			_ = h.String()
		}
	})
}
