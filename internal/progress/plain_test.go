package progress

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// byLane puts the lines of each lane together, in the order of the lanes' names: only the order within a lane is reliable.
func byLane(text string) string {
	lines := slices.Collect(strings.Lines(text))
	slices.SortStableFunc(lines, func(a, b string) int {
		a, _, _ = strings.Cut(a, " | ")
		b, _, _ = strings.Cut(b, " | ")
		return strings.Compare(a, b)
	})
	return strings.Join(lines, "")
}

func TestPlainLinesSayTheirPlatformInAColumn(t *testing.T) {
	text, _ := replayed(t, Options{Mode: Plain})
	golden(t, "plain.txt", byLane(text))
	for line := range strings.Lines(text) {
		if bar := strings.Index(line, " | "); bar != len("linux/arm/v7") && !strings.HasPrefix(line, "a note ") {
			t.Errorf("the bar is not where it is elsewhere: %q", line)
		}
	}
}

func TestEachPlatformHasItsOwnLogFileUnderEveryDisplay(t *testing.T) {
	for _, mode := range []Mode{Plain, RawJSON, Quiet} {
		dir := filepath.Join(t.TempDir(), "new", "logs")
		replayed(t, Options{Mode: mode, LogDir: dir})
		var all strings.Builder
		for _, name := range []string{"linux_amd64.log", "linux_arm64.log", "linux_arm_v7.log", "shared.log"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString("==> " + name + "\n" + string(text))
		}
		golden(t, "logs.txt", all.String())
	}
}

func TestALogFolderThatCannotBeWrittenIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := New(t.Context(), Options{Out: &buffer{}, Mode: Plain, LogDir: file})
	if _, ok := err.(*LogDirError); !ok { //nolint:errorlint // the very error
		t.Errorf("%v, %v", d, err)
	}
}

func TestTheNamesOfLogFiles(t *testing.T) {
	for lane, want := range map[string]string{
		"linux/arm/v7": "linux_arm_v7.log", Shared: "shared.log", "windows(10.0.17763)/amd64": "windows_10.0.17763_amd64.log",
	} {
		if got := FileName(lane); got != want {
			t.Errorf("%s: %s", lane, got)
		}
	}
}

func TestLinesAreNeverTornAndDoNotMoveTheCursor(t *testing.T) {
	for in, want := range map[string]string{
		"a\nb\n":                       "x | a\nx | b\n",
		"half \x00line\n":              "x | half line\n",
		"10%\r20%\r\n":                 "x | 10%\nx | 20%\n",
		"\x1b[2K\x1b[1Ared\x1b[31m!\n": "x | red\x1b[31m!\x1b[0m\n",
		"\x1b]0;title\x07shown\n":      "x | shown\n",
		"no end":                       "x | no end\n",
		"\n\n":                         "x |\nx |\n",
		"tab\tüñ\n":                    "x | tab\tüñ\n",
	} {
		var out buffer
		w := &laneWriter{to: &stream{out: &out}, prefix: "x | ", colours: true}
		for i := range in { // by runes: pieces of any size make the same lines
			end := len(in)
			for j := range in {
				if j > i {
					end = j
					break
				}
			}
			_, _ = w.Write([]byte(in[i:end]))
		}
		w.flush()
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestMessagesAfterTheEndAreIgnored(t *testing.T) {
	var out buffer
	d, err := New(t.Context(), Options{Out: &out, Mode: Plain})
	if err != nil {
		t.Fatal(err)
	}
	d.Note("early")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d.Note("late")
	play(t, d, recording(t))
	if out.String() != "early\n" {
		t.Errorf("%q", out.String())
	}
}
