package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// stderrLimit bounds how much of a command's standard error is kept for an
// error message.
const stderrLimit = 4 << 10

// Dial runs cmd in a running container and returns a connection to it: data written goes to its standard input, data read comes
// from its standard output. When the command ends, the reader gets io.EOF or, if the command wrote to its standard error, an
// error with the end of that text. ctx governs the dialing only, not the connection. Close ends the command's input, and with it
// every command that ends on end of input, such as `buildctl dial-stdio`. Deadlines have no effect.
//
// aside, if not nil, gets the command's standard error piece by piece, during reads, and returns what of it belongs to that error.
func (e *Engine) Dial(ctx context.Context, container string, cmd []string, aside func([]byte) []byte) (net.Conn, error) {
	op := fmt.Sprintf("connect to %q in container %q", strings.Join(cmd, " "), container)
	dialing, done := e.watch.attend(ctx)
	defer done()
	exec, err := e.api.ExecCreate(dialing, container, client.ExecCreateOptions{
		AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: cmd,
	})
	if err != nil {
		return nil, failed(dialing, op, err)
	}
	att, err := e.attachExec(dialing, exec.ID)
	if err != nil {
		return nil, failed(dialing, op, err)
	}
	connected, unwatch := e.watch.attend(context.WithoutCancel(ctx))
	c := &stdioConn{Conn: att.Conn, att: att, stderr: stderr{aside: aside}, lost: func() error { return context.Cause(connected) }, unwatch: unwatch}
	context.AfterFunc(connected, func() { _ = c.Conn.Close() }) // an engine that has stopped sends no end of the command either
	return c, nil
}

// stdioConn is a net.Conn over the multiplexed stream of a command. It demultiplexes the stream as it is read, frame by frame
// (the format is described at stdcopy.StdCopy), so that there is no goroutine and no second buffer between the socket and the
// reader.
type stdioConn struct {
	net.Conn // the hijacked connection: writes go to standard input

	att     client.HijackedResponse
	lost    func() error // the error when the engine has stopped answering
	unwatch func()
	close   sync.Once
	left    int64 // bytes of the current standard output frame not read yet
	stderr  stderr
}

func (c *stdioConn) Read(p []byte) (int, error) {
	for c.left == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, c.ended(err)
		}
	}
	n, err := c.att.Reader.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err != nil {
		return n, c.ended(err)
	}
	return n, nil
}

// nextFrame reads one header; frames that are not standard output are consumed.
func (c *stdioConn) nextFrame() error {
	var header [8]byte
	if _, err := io.ReadFull(c.att.Reader, header[:]); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint32(header[4:]))
	kind := stdcopy.StdType(header[0])
	switch kind {
	case stdcopy.Stdin, stdcopy.Stdout:
		c.left = size
		return nil
	case stdcopy.Stderr, stdcopy.Systemerr:
		// The size comes from the stream, so no buffer of that size is allocated.
		if _, err := io.CopyN(&c.stderr, c.att.Reader, size); err != nil {
			return err
		}
		if kind == stdcopy.Systemerr {
			return io.EOF // the engine has ended the stream, and the reason was read before
		}
		return nil
	default:
		return fmt.Errorf("unknown stream %d in the output of a command", header[0])
	}
}

// stderr is a command's standard error. It keeps the end, up to stderrLimit, of what is not aside.
type stderr struct {
	aside func([]byte) []byte // may be nil
	end   []byte
}

func (s *stderr) Write(p []byte) (int, error) {
	n := len(p)
	if s.aside != nil {
		p = s.aside(p)
	}
	s.end = append(s.end, p[max(0, len(p)-stderrLimit):]...)
	s.end = append(s.end[:0], s.end[max(0, len(s.end)-stderrLimit):]...)
	return n, nil
}

// ended returns the command's standard error as the error at the end of the stream, if there is any.
func (c *stdioConn) ended(err error) error {
	if cause := c.lost(); errors.Is(cause, ErrUnreachable) {
		return cause
	}
	said := strings.TrimSpace(string(c.stderr.end))
	switch {
	case said == "":
		return err
	case errors.Is(err, io.EOF):
		return errors.New(said)
	default:
		return fmt.Errorf("%s: %w", said, err)
	}
}

// Close ends the command's input and drops the connection. It is idempotent.
func (c *stdioConn) Close() error {
	var err error
	c.close.Do(func() {
		_ = c.att.CloseWrite()
		err = c.Conn.Close()
		c.unwatch()
	})
	return err
}

// A deadline could end a read in the middle of a frame's header, after which the stream is unusable, so deadlines are not
// supported.
func (c *stdioConn) SetDeadline(time.Time) error      { return nil }
func (c *stdioConn) SetReadDeadline(time.Time) error  { return nil }
func (c *stdioConn) SetWriteDeadline(time.Time) error { return nil }
