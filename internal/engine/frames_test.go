package engine

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// frames is a connection whose other side has sent these bytes, and closed.
func frames(t *testing.T, sent []byte) *stdioConn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return &stdioConn{
		Conn: near, att: client.HijackedResponse{Conn: near, Reader: bufio.NewReader(bytes.NewReader(sent))}, lost: func() error { return nil }, unwatch: func() {},
	}
}

func TestAFrameThatSaysItIsHugeCostsNothing(t *testing.T) {
	said := append([]byte{2, 0, 0, 0, 255, 255, 255, 255}, "no such socket"...)
	c := frames(t, said)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := io.ReadAll(c)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes", got)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "no such socket") {
		t.Errorf("got %v", err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x05hello\x02\x00\x00\x00\x00\x00\x00\x04oops"))
	f.Add([]byte("\x03\x00\x00\x00\x00\x00\x00\x04gone"))
	f.Add([]byte("\x02\x00\x00\x00\xff\xff\xff\xffcut"))
	f.Add([]byte("\x09\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := frames(t, sent)
		got, _ := io.ReadAll(c)
		if len(got) > len(sent) || len(c.stderr.end) > stderrLimit {
			t.Errorf("%d bytes give %d of output and %d of errors", len(sent), len(got), len(c.stderr.end))
		}
	})
}
