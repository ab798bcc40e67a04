package smoke

import (
	"bytes"
	"strings"
)

// maxCaptured is how much of a stream is kept for comparison, and maxTail is how much of the end of all output.
const (
	maxCaptured = 1 << 20
	maxTail     = 8 << 10
)

// capture keeps the beginning of a stream.
type capture struct {
	bytes.Buffer
	cut bool // there was more
}

func (c *capture) Write(p []byte) (int, error) {
	room := min(len(p), maxCaptured-c.Len())
	c.cut = c.cut || room < len(p)
	_, _ = c.Buffer.Write(p[:room]) // a bytes.Buffer does not fail
	return len(p), nil
}

// tail keeps the end of the data written to it.
type tail struct{ buf []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if len(t.buf) > 4*maxTail {
		t.buf = append([]byte(nil), t.buf[len(t.buf)-maxTail:]...)
	}
	return len(p), nil
}

// String begins with a whole line if something was left out.
func (t *tail) String() string {
	end := t.buf
	if len(end) > maxTail {
		end = end[len(end)-maxTail:]
		if _, rest, ok := bytes.Cut(end, []byte("\n")); ok {
			end = rest
		}
	}
	return strings.ToValidUTF8(string(end), "\uFFFD")
}
