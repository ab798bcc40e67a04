package emulation

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Handler is one entry of the kernel's binfmt_misc: the interpreter runs the programs that match. The
// format is that of fs/binfmt_misc.c, the meaning that of Documentation/admin-guide/binfmt-misc.rst.
type Handler struct {
	Name        string
	Enabled     bool
	Interpreter string // path at the time of registration; with flag F the file need no longer be there
	// Flags as the kernel writes them, in the order "POCF":
	// P the interpreter gets the program's own argv[0] as well;
	// O it gets the program as an open file;
	// C it runs with the program's credentials, so setuid programs work (implies O);
	// F the kernel opened the interpreter when it was registered, so that it works
	// in containers, whose root does not have it.
	Flags string

	Extension   string // without the dot, for a handler that matches by extension; then the rest is empty
	Offset      int    // where Magic begins in the file
	Magic, Mask []byte // Mask is empty when all bits count
}

// Has reports whether the handler has a flag, one of 'P', 'O', 'C' and 'F'.
func (h Handler) Has(flag byte) bool { return strings.IndexByte(h.Flags, flag) >= 0 }

// Matches reports whether the handler matches a program with these first bytes, enabled or not.
func (h Handler) Matches(program []byte) bool {
	if len(h.Magic) == 0 || h.Offset < 0 || h.Offset+len(h.Magic) > len(program) {
		return false
	}
	for i, m := range h.Magic {
		diff := program[h.Offset+i] ^ m
		if i < len(h.Mask) {
			diff &= h.Mask[i]
		}
		if diff != 0 {
			return false
		}
	}
	return true
}

// String formats the handler on one line: qemu-arm (/usr/bin/qemu-arm-static, flags OCF).
func (h Handler) String() string {
	flags := "no flags"
	if h.Flags != "" {
		flags = "flags " + h.Flags
	}
	if !h.Enabled {
		flags += ", disabled"
	}
	return fmt.Sprintf("%s (%s, %s)", h.Name, h.Interpreter, flags)
}

// addLine reads one line of the handler's file. Unknown lines are skipped: a newer kernel may have
// more.
func (h *Handler) addLine(line string) error {
	key, value, _ := strings.Cut(line, " ")
	var err error
	switch key {
	case "enabled":
		h.Enabled = true
	case "interpreter":
		h.Interpreter = value
	case "flags:":
		h.Flags = strings.TrimSpace(value)
	case "extension":
		h.Extension = strings.TrimPrefix(value, ".")
	case "offset":
		h.Offset, err = strconv.Atoi(value)
	case "magic":
		h.Magic, err = hex.DecodeString(value)
	case "mask":
		h.Mask, err = hex.DecodeString(value)
	}
	if err != nil {
		return fmt.Errorf("handler %q: %q: %w", h.Name, line, err)
	}
	return nil
}

// Registration returns the line that registers such a handler (again).
func (h Handler) Registration() string {
	if h.Extension != "" {
		return fmt.Sprintf(":%s:E::%s::%s:%s", h.Name, h.Extension, h.Interpreter, h.Flags)
	}
	return fmt.Sprintf(":%s:M:%d:%s:%s:%s:%s", h.Name, h.Offset, hexEscapes(h.Magic), hexEscapes(h.Mask), h.Interpreter, h.Flags)
}
