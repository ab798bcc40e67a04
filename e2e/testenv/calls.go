package testenv

import (
	"io"
	"maps"
	"path"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Calls counts the RPCs that clients send over connections without TLS. Its method Tap is for a Far.
type Calls struct {
	mu sync.Mutex
	n  map[string]int
}

// Count returns how often each method was called, by its name without the service's package: "Control/Solve".
func (c *Calls) Count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Tap reads the bytes of one connection.
func (c *Calls) Tap() io.Writer {
	r, w := io.Pipe()
	go func() {
		c.read(r)
		_, _ = io.Copy(io.Discard, r) // what is no HTTP/2 passes, too
	}()
	return w
}

func (c *Calls) read(r io.Reader) {
	if _, err := io.ReadFull(r, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	frames := http2.NewFramer(io.Discard, r)
	frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil) // the table that a server may not make larger without saying so, and gRPC's does not
	for {
		f, err := frames.ReadFrame()
		if err != nil {
			return
		}
		if headers, ok := f.(*http2.MetaHeadersFrame); ok {
			c.add(headers.PseudoValue("path"))
		}
	}
}

// add counts a call of "/package.Service/Method".
func (c *Calls) add(name string) {
	service, method := path.Split(name)
	if service == "" {
		return // trailers
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[path.Join(path.Ext(path.Clean(service))[1:], method)]++
}
