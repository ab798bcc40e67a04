package emulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Origin says who registered a handler, in a few words, as far as that can be
// told: the kernel does not keep it, so it follows from name, interpreter and
// flags. "" means that it cannot be told.
func (h HostView) Origin(handler Handler) string {
	switch {
	case strings.Contains(handler.Name, "rosetta") || strings.Contains(handler.Interpreter, "rosetta"):
		return "Rosetta"
	case strings.HasPrefix(handler.Name, "WSLInterop"):
		return "WSL"
	case !strings.HasPrefix(handler.Name, "qemu-"):
		return ""
	}
	if file, ok := h.ConfiguredIn(handler); ok {
		if h.OS != "" {
			return fmt.Sprintf("package of %s (%s)", h.OS, file)
		}
		return file
	}
	if !h.Known {
		return ""
	}
	if h.Present[handler.Interpreter] {
		// Of those who take the host's files, only this package asks for C as well as F without a file in binfmt.d.
		if handler.Has('F') && handler.Has('C') {
			return "docker multiarch, or another, from the host's files"
		}
		return "somebody, from the host's files"
	}
	if handler.Has('F') {
		return "an image such as tonistiigi/binfmt"
	}
	return ""
}

// ConfiguredIn finds the file of the host's packages that registers such a
// handler: of the same name, with the same interpreter.
func (h HostView) ConfiguredIn(handler Handler) (file string, ok bool) {
	for _, file := range slices.Sorted(maps.Keys(h.Configured)) {
		for _, line := range h.Configured[file] {
			// :name:type:offset:magic:mask:interpreter:flags, see binfmt-misc.rst
			f := strings.Split(line, ":")
			if len(f) == 8 && f[1] == handler.Name && f[6] == handler.Interpreter {
				return file, true
			}
		}
	}
	return "", false
}

// Configures finds the file of the host's packages that registers a handler of a
// name, whatever its interpreter, when the host starts.
func (h HostView) Configures(name string) (file string, ok bool) {
	for _, file := range slices.Sorted(maps.Keys(h.Configured)) {
		for _, line := range h.Configured[file] {
			if strings.HasPrefix(line, ":"+name+":") {
				return file, true
			}
		}
	}
	return "", false
}
