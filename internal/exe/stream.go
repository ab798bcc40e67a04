package exe

import (
	"bytes"
	"errors"
	"io"
)

// A stream is a file that is read forward, and whose beginning is kept.
type stream struct {
	head []byte    // the file's beginning
	rest io.Reader // the bytes after head, or after pos once bytes were skipped
	pos  int64     // the number of bytes read beyond head
	err  error     // of rest, other than its end

	keep    int64    // how much of the beginning may be kept; 0 is headSize
	buf     []byte   // buffer for it
	dynamic *Dynamic // the dynamic section, if found
}

// at returns n bytes at an offset, or nil if the file ends before or the stream is past them. They are valid until the next call.
func (s *stream) at(off int64, n int) []byte {
	if off < 0 || off > 1<<62 || n < 0 || s.err != nil {
		return nil
	}
	if end := off + int64(n); end > int64(len(s.head)) && end <= headSize && s.pos == 0 {
		s.fill()
	}
	if off+int64(n) <= int64(len(s.head)) {
		return s.head[off : off+int64(n)]
	}
	return s.beyond(off, n)
}

// fill makes the head as long as most files need it.
func (s *stream) fill() {
	if s.rest == nil || len(s.head) >= headSize {
		return
	}
	whole := make([]byte, headSize)
	n := copy(whole, s.head)
	more, err := io.ReadFull(s.rest, whole[n:])
	s.fail(err)
	s.head = whole[:n+more]
}

// extend extends the head up to an offset, within the bound.
func (s *stream) extend(end int64) {
	s.fill()
	end = min(end, s.keep)
	if s.rest == nil || s.pos != 0 || end <= int64(len(s.head)) {
		return
	}
	if int64(len(s.buf)) < end {
		s.buf = make([]byte, max(end, min(2*int64(len(s.buf)), s.keep)))
	}
	n := copy(s.buf, s.head)
	more, err := io.ReadFull(s.rest, s.buf[n:end])
	s.fail(err)
	s.head = s.buf[:n+more]
}

// beyond reads bytes further on, and drops everything before them.
func (s *stream) beyond(off int64, n int) []byte {
	s.fill()
	if s.pos == 0 {
		s.pos = int64(len(s.head))
	}
	buf := make([]byte, 0, n)
	if off < int64(len(s.head)) && s.pos == int64(len(s.head)) {
		buf = append(buf, s.head[off:]...)
		off = s.pos
	}
	if s.rest == nil || off < s.pos || s.err != nil {
		return nil
	}
	skipped, err := io.CopyN(io.Discard, s.rest, off-s.pos)
	s.pos += skipped
	s.fail(err)
	if err != nil {
		return nil
	}
	from := len(buf)
	buf = buf[:n]
	read, err := io.ReadFull(s.rest, buf[from:])
	s.pos += int64(read)
	s.fail(err)
	if err != nil {
		return nil
	}
	return buf
}

// fail keeps an error other than the file's end.
func (s *stream) fail(err error) {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.err = err
	}
}

// text returns the bytes before the first zero byte.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
