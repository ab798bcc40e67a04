package printable

import "io"

// Writer passes on what is written to it as [Text] shows it. Pieces of a line may come one after the other, a character comes whole.
type Writer struct {
	to  io.Writer
	at  place
	buf []byte
}

// NewWriter gives a writer that is for one goroutine at a time.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Write implements io.Writer. After an error nothing is known of how much was written.
func (w *Writer) Write(p []byte) (int, error) {
	w.buf = w.at.appendText(w.buf[:0], p)
	if _, err := w.to.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
