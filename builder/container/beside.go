package container

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"
	"sync/atomic"
)

// beside is a script that the command of a connection runs besides. The engine takes some 50 ms to start a command, so that one command is
// started for both. The script's output comes on the command's standard error, up to a mark.
type beside struct {
	script string
	begun  atomic.Bool
	over   chan struct{} // closed when the output is complete, or will not be

	mu       sync.Mutex
	ended    bool
	complete bool // the script has succeeded
	output   []byte
}

const (
	besideMark = "\n== docker-multiarch: status "
	// besideLimit bounds the output, in bytes. A report of the kernel's handlers has some kilobytes.
	besideLimit = 1 << 20
)

func newBeside(script string) *beside { return &beside{script: script, over: make(chan struct{})} }

// begin reports whether the script has not begun yet.
func (b *beside) begin() bool { return b.begun.CompareAndSwap(false, true) }

// with returns the command that runs the script and becomes another command, which gets the input and the standard output.
func (b *beside) with(command []string) []string {
	const rest = "\n)\necho \"" + besideMark + "$?.\"\n) </dev/null >&2 2>/dev/null &\nexec \"$@\""
	return slices.Concat([]string{"/bin/sh", "-c", "(\n(\n" + b.script + rest, "sh"}, command)
}

// hear takes what comes on the standard error, and returns what is not the script's.
func (b *beside) hear(p []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return p
	}
	b.output = append(b.output, p...)
	output, rest, marked := bytes.Cut(b.output, []byte(besideMark))
	status, rest, whole := bytes.Cut(rest, []byte(".\n"))
	switch {
	case marked && whole:
		b.output, b.complete = output, string(status) == "0"
	case len(b.output) < besideLimit:
		return nil
	}
	b.end()
	return rest
}

// end expects that mu is held.
func (b *beside) end() {
	if !b.ended {
		b.ended = true
		close(b.over)
	}
}

// stop says that nothing more will come.
func (b *beside) stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end()
}

// said waits for the script's output. ok is false if it has failed, or was not heard to its end.
func (b *beside) said(ctx context.Context) (output []byte, ok bool) {
	select {
	case <-b.over:
	case <-ctx.Done():
		return nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.output, b.complete
}

// besideConn is a connection whose command runs a script besides.
type besideConn struct {
	net.Conn
	beside *beside
}

func (c besideConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.beside.stop()
	}
	return n, err
}

func (c besideConn) Close() error {
	c.beside.stop()
	return c.Conn.Close()
}

// besideShell is a shell that has begun to run a script.
type besideShell struct {
	Shell
	beside *beside // may be nil
}

// Run returns what that script says. It runs another script, or one that failed, in a command of its own.
func (s besideShell) Run(ctx context.Context, script string) ([]byte, error) {
	if s.beside != nil && s.beside.script == script {
		if output, ok := s.beside.said(ctx); ok {
			return output, nil
		}
	}
	return s.Shell.Run(ctx, script)
}
