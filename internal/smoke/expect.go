package smoke

import (
	"fmt"
	"strings"

	"github.com/docker/go-units"
)

// bothStreams names the output where the streams are not kept apart.
const bothStreams = "the output (of both streams)"

// mismatch describes the first expectation that a program did not meet; "" if it met all.
func (t Test) mismatch(ran ProgramResult, stdout, stderr *capture) string {
	if ran.OutOfMemory {
		return fmt.Sprintf("the kernel killed it, since it used more than %s of memory", units.BytesSize(float64(t.Limited().Memory)))
	}
	if ran.Exit != t.Exit {
		return fmt.Sprintf("exit status %d, expected %d", ran.Exit, t.Exit)
	}
	out, diag := "standard output", "standard error"
	if ran.Merged {
		out, diag, stderr = bothStreams, bothStreams, stdout
	}
	if reason := t.Stdout.mismatch(out, stdout); reason != "" {
		return reason
	}
	return t.Stderr.mismatch(diag, stderr)
}

func (e Expectation) mismatch(what string, got *capture) string {
	text := got.String()
	switch {
	case e.Equals == nil && len(e.Contains) == 0 && e.Matches == nil:
		return ""
	case got.cut:
		return fmt.Sprintf("%s is longer than %s, and is not compared", what, units.BytesSize(maxCaptured))
	case e.Equals != nil && trimLine(text) != trimLine(*e.Equals):
		return fmt.Sprintf("%s is %s, expected %s", what, quoted(text), quoted(*e.Equals))
	}
	for _, part := range e.Contains {
		if !strings.Contains(text, part) {
			return fmt.Sprintf("%s is %s, expected %s in it", what, quoted(text), quoted(part))
		}
	}
	if e.Matches != nil && !e.Matches.MatchString(text) {
		return fmt.Sprintf("%s is %s, expected a match of %q", what, quoted(text), e.Matches)
	}
	return ""
}

// trimLine removes the end of one line.
func trimLine(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }

// quoted returns text for a message, shortened to its beginning if it is long.
func quoted(s string) string {
	const enough = 200
	if s = trimLine(s); len(s) > enough {
		return fmt.Sprintf("%q…", s[:enough])
	}
	return fmt.Sprintf("%q", s)
}
