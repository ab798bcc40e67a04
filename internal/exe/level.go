package exe

import "math/bits"

// These are values of a GNU property note (the x86-64 psABI, "Program Property").
const (
	noteProperty   = 5          // NT_GNU_PROPERTY_TYPE_0
	isaNeeded      = 0xc0008002 // GNU_PROPERTY_X86_ISA_1_NEEDED: a bit for each level, the lowest for the first
	maxPropertyLen = 4096
)

// level returns the x86-64 level that a program declares: 2 for x86-64-v2, 0 for none.
func (h *header) level(s *stream, note segment) int {
	if note.size < 16 || note.size > maxPropertyLen || note.offset+note.size > int64(len(s.head)) { // notes are at the beginning
		return 0
	}
	b := s.at(note.offset, int(note.size))
	if b == nil || h.order.Uint32(b) != 4 || h.order.Uint32(b[8:]) != noteProperty || string(b[12:16]) != "GNU\x00" {
		return 0
	}
	for b = b[16:]; len(b) >= 12; {
		kind, size := h.order.Uint32(b), int64(h.order.Uint32(b[4:]))
		if kind == isaNeeded && size == 4 {
			return bits.Len32(h.order.Uint32(b[8:]))
		}
		next := 8 + (size+7)&^7
		if next > int64(len(b)) {
			return 0
		}
		b = b[next:]
	}
	return 0
}
