package printable

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTextShowsControlCharacters(t *testing.T) {
	for _, tt := range []struct{ what, in, want string }{
		{"plain words", "a: b, c::d #1 ##\n\tnext", "a: b, c::d #1 ##\n\tnext"},
		{"letters of the world", "größe 日本 שלום é\u0301 👩\u200d💻\ufe0f", "größe 日本 שלום é\u0301 👩\u200d💻\ufe0f"},
		{"an escape sequence", "a\x1b[3Ab", "a\ufffd[3Ab"},
		{"controls", "\x00\x07\x08\x0b\x7f", strings.Repeat("\ufffd", 5)},
		{"the end of a line of Windows", "a\r\nb", "a\nb"},
		{"a carriage return that overwrites", "a\rb", "a\ufffdb"},
		{"C1 controls", "a\u009b3Ab\u0085", "a\ufffd3Ab\ufffd"},
		{"the same as single bytes", "a\x9b3A\xff", "a\ufffd3A\ufffd"},
		{"marks of direction", "\u202egpj\u202c \u2066x\u2069\u200e\u200f\u061c", "\ufffdgpj\ufffd \ufffdx" + strings.Repeat("\ufffd", 4)},
		{"marks without a width", "a\u200bb\ufeff\u00ad\U000e0041", "a\ufffdb\ufffd\ufffd\ufffd"},
		{"Unicode's ends of lines", "a\u2028b\u2029", "a\ufffdb\ufffd"},
		{"a command of GitHub", "::warning::x\n \u00a0::set-output", ": :warning::x\n \u00a0: :set-output"},
		{"one that GitHub finds anywhere", "see ##[error]x", "see ## [error]x"},
		{"one of Azure", "see ###vso[task]", "see ###vso [task]"},
		{"one of TeamCity", "##teamcity[x", "##teamcity [x"},
	} {
		if got := Text(tt.in); got != tt.want {
			t.Errorf("%s: Text(%q) is %q, not %q", tt.what, tt.in, got, tt.want)
		}
	}
}

func TestLineIsOneLine(t *testing.T) {
	for in, want := range map[string]string{"a b": "a b", "a\tb\r\nc\vd\x1b\u202e\x9b": "a b  c d\ufffd\ufffd\ufffd", "::1": "::1"} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) is %q, not %q", in, got, want)
		}
	}
}

func TestJSONKeepsItsMeaning(t *testing.T) {
	in := "{\r\n\t\"a\u009b\": [\"\x7f\u202e\U000e0041##vso[x]\", \"größe ##\"]\n}"
	got := JSON([]byte(in))
	if want := `{` + "\n\t" + `"a\u009b": ["\u007f\u202e\udb40\udc41##vso\u005bx]", "größe ##"]` + "\n}"; string(got) != want {
		t.Errorf("JSON gives %s, not %s", got, want)
	}
	if got := JSON([]byte("\"\x9b\"")); string(got) != "\"\ufffd\"" {
		t.Errorf("broken UTF-8 is %q", got)
	}
}

func TestAWriterGetsALineInPieces(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, piece := range []string{"a", "::b\n", "  ", ":", ":warning::\n#", "#", "vso", "[x]\n", "\x1b", "c"} {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "a::b\n  : :warning::\n##vso [x]\n\ufffdc"; b.String() != want {
		t.Errorf("%q was written, not %q", b.String(), want)
	}
}

// shown fails if text has what must not be shown, by a definition that does not share the package's code.
func shown(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		switch {
		case r < ' ' && r != '\n' && r != '\t', r >= 0x7f && r < 0xa0, r >= 0x200e && r <= 0x200f, r >= 0x2028 && r <= 0x202e,
			r >= 0x2066 && r <= 0x2069, r == 0x61c, r == 0x200b, r == 0x2060, r == 0xfeff:
			t.Errorf("%U is shown: %q", r, text)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("a line begins with a command: %q", text)
		}
		for _, command := range []string{"##[", "##vso[", "##teamcity["} {
			if strings.Contains(line, command) {
				t.Errorf("%s is in a line: %q", command, text)
			}
		}
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "plain\n\ttext", "\x1b]0;title\x07\x1b[31mred", "\u009b3A\x9b", "\u202e\u2066\u200e\u061c\u2028", "::warning::x", " ::x", "#::", "##[x", "##vso[x",
		"###teamcity[", "####[[", ":\r\n::", "\xe2\x80", "##\u202e[", "\u00a0::x", "{\"a\":\"##[\\n\x7f\"}",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, s string, cut int) {
		text, line := Text(s), Line(s)
		shown(t, text)
		if Text(text) != text {
			t.Errorf("a second time makes of %q %q", text, Text(text))
		}
		if strings.ContainsAny(line, "\n\t\r") {
			t.Errorf("more than a line: %q", line)
		}
		shown(t, Text(line))
		var out bytes.Buffer
		w := NewWriter(&out)
		runes := []rune(strings.ToValidUTF8(s, "?"))
		cut = min(max(cut, 0), len(runes))
		_, _ = w.Write([]byte(string(runes[:cut])))
		_, _ = w.Write([]byte(string(runes[cut:])))
		shown(t, out.String())
		sameMeaning(t, s)
	})
}

func sameMeaning(t *testing.T, s string) {
	t.Helper()
	var before, after any
	doc := []byte(s)
	if json.Unmarshal(doc, &before) != nil {
		before = s
		doc, _ = json.Marshal(s)
		_ = json.Unmarshal(doc, &before)
	}
	safe := JSON(doc)
	shown(t, string(safe))
	if err := json.Unmarshal(safe, &after); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%q became %q: %v", doc, safe, err)
	}
	if Text(string(safe)) != string(safe) {
		t.Errorf("as text %q is another", safe)
	}
}
