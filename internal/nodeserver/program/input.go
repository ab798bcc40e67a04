//go:build linux

package main

import (
	"strconv"
	"strings"
	"syscall"
)

// served is what may be read: each blob under its paths.
type served struct {
	folder string
	blobs  map[string]blob // by the path of a request
}

// blob is a file of the folder, or a document.
type blob struct {
	hex       string
	size      int64
	mediaType string
	document  []byte // nil for a file
}

// input is standard input.
type input struct {
	fd  int
	buf []byte
}

// more reads until there are n bytes, at most; it returns false at the end.
func (in *input) more() bool {
	chunk := make([]byte, 32<<10)
	n, err := retried(func() (int, error) { return syscall.Read(in.fd, chunk) })
	if n <= 0 || err != nil {
		return false
	}
	in.buf = append(in.buf, chunk[:n]...)
	return true
}

func (in *input) line() (string, bool) {
	for {
		if i := strings.IndexByte(string(in.buf), '\n'); i >= 0 {
			line := string(in.buf[:i])
			in.buf = in.buf[i+1:]
			return line, true
		}
		if len(in.buf) > maxLine || !in.more() {
			return "", false
		}
	}
}

func (in *input) bytes(n int64) ([]byte, bool) {
	for int64(len(in.buf)) < n {
		if !in.more() {
			return nil, false
		}
	}
	data := in.buf[:n:n]
	in.buf = in.buf[n:]
	return data, true
}

// read reads the whole input but its end.
func read(in *input) (s served, ok bool) {
	secret, ok := in.line()
	if !ok || secret == "" {
		return s, false
	}
	if s.folder, ok = in.line(); !ok || !strings.HasPrefix(s.folder, "/") {
		return s, false
	}
	s.blobs = map[string]blob{"/v2/": {document: []byte("{}"), size: 2, mediaType: "application/json"}}
	for room := int64(maxDocuments); ; {
		line, ok := in.line()
		if !ok || line == "." {
			return s, ok
		}
		b, ok := parse(line)
		if !ok {
			return s, false
		}
		if b.mediaType != "" {
			if room -= b.size; room < 0 {
				return s, false
			}
			if b.document, ok = in.bytes(b.size); !ok {
				return s, false
			}
		}
		s.add(secret, b)
	}
}

func parse(line string) (b blob, ok bool) {
	words := strings.Split(line, " ")
	if len(words) < 3 || !isHex(words[1]) {
		return b, false
	}
	b.hex = words[1]
	size, err := strconv.ParseInt(words[2], 10, 64)
	if b.size = size; err != nil || size < 0 {
		return b, false
	}
	switch {
	case words[0] == "b" && len(words) == 3:
		return b, true
	case words[0] == "d" && len(words) == 4:
		b.mediaType = words[3]
		return b, true
	}
	return b, false
}

// isHex reports whether a text is the end of a digest, and so no path.
func isHex(text string) bool {
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// add adds a blob. A document is a manifest, or the configuration of one.
func (s *served) add(secret string, b blob) {
	repo := "/v2/" + secret
	s.blobs[repo+"/blobs/sha256:"+b.hex] = b
	if b.document != nil {
		s.blobs[repo+"/manifests/sha256:"+b.hex] = b
	}
}
