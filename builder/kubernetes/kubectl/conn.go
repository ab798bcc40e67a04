package kubectl

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"sync"
	"time"
)

// Dial runs a command in a container of a pod, whose standard input and output are the connection. It lasts until it is closed, also when
// ctx ends. If kubectl ends by itself, reading fails with its own words.
func (c Client) Dial(ctx context.Context, pod, container string, command ...string) (net.Conn, error) {
	args := append([]string{"exec", "-i", pod, "-c", container, "--"}, command...)
	cmd := c.command(context.WithoutCancel(ctx), args...)
	x := &conn{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &x.said
	var err error
	if x.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	// A pipe of our own, unlike the command's, can be read to its end after the command has ended.
	out, write := io.Pipe()
	cmd.Stdout, x.out = write, out
	if err := cmd.Start(); err != nil {
		return nil, failure(ctx, err, "")
	}
	go func() {
		err := cmd.Wait()
		x.err = x.why(ctx, err)
		_ = write.CloseWithError(x.err)
		close(x.ended)
	}()
	return x, nil
}

// conn is a connection to a command in a pod.
type conn struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *io.PipeReader
	said  bytes.Buffer
	once  sync.Once
	err   error // after ended is closed
	ended chan struct{}
}

// why returns why the connection ended.
func (c *conn) why(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return io.EOF
	}
	return failure(context.WithoutCancel(ctx), err, c.said.String())
}

func (c *conn) Read(p []byte) (int, error) { return c.out.Read(p) }

func (c *conn) Write(p []byte) (int, error) { return c.in.Write(p) }

// closeWait is how long kubectl may take to end once its input has ended.
const closeWait = 500 * time.Millisecond

// Close ends the command: BuildKit's dial-stdio ends with its input.
func (c *conn) Close() error {
	c.once.Do(func() {
		_ = c.in.Close()
		_ = c.out.Close()
		go func() {
			select {
			case <-c.ended:
			case <-time.After(closeWait):
				_ = c.cmd.Process.Kill()
			}
		}()
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr              { return address{} }
func (c *conn) RemoteAddr() net.Addr             { return address{} }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// address is that of a connection that has none.
type address struct{}

func (address) Network() string { return "kubectl" }
func (address) String() string  { return "kubectl" }
