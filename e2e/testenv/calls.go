package testenv

import (
	"bufio"
	"io"
	"maps"
	"net/http"
	"path"
	"regexp"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Calls counts the RPCs, or the requests of HTTP/1, that clients send over connections without TLS. Its method Tap is for a Far.
type Calls struct {
	mu sync.Mutex
	n  map[string]int
}

// Count returns how often each method was called, by its name without the service's package: "Control/Solve". A request has the name of its
// path without IDs: "GET /containers/json".
func (c *Calls) Count() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Tap reads the bytes of one connection.
func (c *Calls) Tap() io.Writer {
	r, w := io.Pipe()
	go func() {
		from := bufio.NewReader(r)
		if begin, _ := from.Peek(4); string(begin) == http2.ClientPreface[:4] {
			c.calls(from)
		} else {
			c.requests(from)
		}
		_, _ = io.Copy(io.Discard, from) // what is none of them passes, too
	}()
	return w
}

// ids are the version of an Engine API, and the names of its objects, in paths.
var ids = regexp.MustCompile(`^/v1\.\d+|(/(?:containers|exec|images|volumes))/[^/]+(/|$)`) //nolint:gochecknoglobals // a constant

// requests reads requests until one turns the connection into another protocol.
func (c *Calls) requests(r *bufio.Reader) {
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		c.add(req.Method + " " + ids.ReplaceAllString(req.URL.Path, "$1$2"))
		if _, err := io.Copy(io.Discard, req.Body); err != nil || req.Header.Get("Upgrade") != "" {
			return
		}
	}
}

func (c *Calls) calls(r io.Reader) {
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
			service, method := path.Split(headers.PseudoValue("path")) // "/package.Service/", "Method"
			if service != "" {                                         // else these are trailers
				c.add(path.Join(path.Ext(path.Clean(service))[1:], method))
			}
		}
	}
}

func (c *Calls) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
}
