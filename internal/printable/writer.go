package printable

import "io"

// Writer passes on the data written to it as [Text] shows it. Pieces of a line may come one after the other; a character comes
// whole.
type Writer struct {
	to  io.Writer
	at  place
	buf []byte
}

// NewWriter returns a writer for one goroutine at a time.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write implements io.Writer. After an error, the number of bytes written is unknown.
func (w *Writer) Write(p []byte) (int, error) {
	w.buf = w.at.appendText(w.buf[:0], p)
	if _, err := w.to.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
