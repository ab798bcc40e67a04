package progress

import (
	"cmp"
	"testing"
)

func TestALineHasNothingThatATerminalOrACISystemActsOn(t *testing.T) {
	for _, tt := range []struct{ what, line, plain, coloured string }{
		{"ordinary words", "#5 0.1 größe: a::b\t#1", "#5 0.1 größe: a::b\t#1", ""},
		{"a colour", "a\x1b[31mred", "ared", "a\x1b[31mred\x1b[0m"},
		{"what moves the cursor", "a\x1b[3Ab\x1b]0;title\x07c\x1bMd\x08", "abcd", ""},
		{"the same in C1", "a\u009b3Ab\u009d0;title\x07c\u0084", "abc\ufffd", ""},
		{"C1 as single bytes", "a\x9b3A", "a\ufffd3A", ""},
		{"marks of direction", "a\u202eb\u2066c", "a\ufffdb\ufffdc", ""},
		{"those beside a colour", "\x1b[1ma\u202e\x1b[0mb\u0085", "a\ufffdb\ufffd", "\x1b[1ma\ufffd\x1b[0mb\ufffd\x1b[0m"},
		{"a command at the beginning", "::warning::x", ": :warning::x", ""},
		{"a command anywhere", "a ##vso[x]", "a ##vso [x]", ""},
		{"a command that comes about", "#\x08#[x", "## [x", ""},
	} {
		if got := string(clean([]byte(tt.line), false)); got != tt.plain {
			t.Errorf("%s: %q became %q, not %q", tt.what, tt.line, got, tt.plain)
		}
		if got := string(clean([]byte(tt.line), true)); got != cmp.Or(tt.coloured, tt.plain) {
			t.Errorf("%s: %q became, with colours, %q, not %q", tt.what, tt.line, got, cmp.Or(tt.coloured, tt.plain))
		}
	}
}
