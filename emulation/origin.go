package emulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Origin returns who registered a handler, in a few words. The kernel does not record it, so it is
// derived from name, interpreter and flags. "" means unknown.
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
		// Among the tools that use the host's files, only this package sets both C and F without a file
		// in binfmt.d.
		if handler.Has('F') && handler.Has('C') {
			return "docker multiarch or another program, from the host's files"
		}
		return "another program, from the host's files"
	}
	if handler.Has('F') {
		return "an image such as tonistiigi/binfmt"
	}
	return ""
}

// ConfiguredIn finds the file of the host's packages that registers such a handler: one with the same
// name and the same interpreter.
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
