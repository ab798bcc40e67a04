package progress

import "bytes"

// tailBytes is how much of a step's output is kept at least while it runs.
const tailBytes = 32 << 10

// tail keeps the end of a step's output. It is split into lines only on request, so that much output costs little.
type tail struct{ buf []byte }

func (t *tail) write(p []byte) {
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailBytes {
		t.buf = append(make([]byte, 0, 2*tailBytes), t.buf[len(t.buf)-tailBytes:]...)
	}
}

// last returns at most n of the last lines, as text: without control characters that a terminal would act on. For a line that was
// overwritten it returns the last version.
func (t *tail) last(n int) []string {
	if n <= 0 || len(t.buf) == 0 {
		return nil
	}
	lines := make([]string, 0, n)
	rest := bytes.TrimRight(t.buf, "\r\n")
	for len(lines) < n && len(rest) > 0 {
		start := bytes.LastIndexByte(rest, '\n') + 1
		line := bytes.TrimRight(rest[start:], "\r")
		line = line[bytes.LastIndexByte(line, '\r')+1:]
		lines = append(lines, string(clean(line, false)))
		rest = rest[:max(0, start-1)]
	}
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return lines
}
