package testenv

import (
	"slices"
	"sync"

	"golang.org/x/net/http2"
)

// trips counts round trips by what was sent after what had arrived, which a busy machine does not change: what a client sends is one trip
// later than the latest answer that it has, and what a server sends is an answer to the latest request that it has.
type trips struct {
	mu                 sync.Mutex
	atServer, atClient int // of what has arrived there
}

// asks returns the trip of what a client sends, which is not the first one of a connection opened before that trip.
func (t *trips) asks(opened int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.atClient, opened) + 1
}

// answers returns the trip of what a server sends on a connection.
func (t *trips) answers(opened int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.atServer, opened+1)
}

// opens returns the trip in which a new connection is opened.
func (t *trips) opens() int { return t.asks(0) }

func (t *trips) arrive(side *int, trip int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*side = max(*side, trip)
}

// frames finds the messages in what one side sends over HTTP/2.
type frames struct {
	skip   int    // bytes until the next header of a frame
	header []byte // as much of it as was sent
}

// message reports whether a message begins in data, and not only a ping or a window, to which the sender awaits no answer.
func (f *frames) message(data []byte) (begins bool) {
	const headerSize = 9
	for len(data) > 0 {
		n := min(f.skip, len(data))
		f.skip, data = f.skip-n, data[n:]
		n = min(headerSize-len(f.header), len(data))
		f.header, data = append(f.header, data[:n]...), data[n:]
		if len(f.header) == headerSize {
			f.skip = int(f.header[0])<<16 | int(f.header[1])<<8 | int(f.header[2])
			begins = begins || slices.Contains([]http2.FrameType{http2.FrameData, http2.FrameHeaders, http2.FrameSettings}, http2.FrameType(f.header[3]))
			f.header = f.header[:0]
		}
	}
	return begins
}
