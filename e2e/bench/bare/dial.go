package main

import (
	"context"
	"io"
	"net"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// dial connects to buildkitd: to its socket, or through `buildctl dial-stdio` in its container.
func dial(ctx context.Context, o options) (net.Conn, error) {
	if o.socket != "" {
		var d net.Dialer
		return d.DialContext(ctx, "unix", o.socket)
	}
	api, err := client.New(client.WithHost(o.host))
	if err != nil {
		return nil, err
	}
	exec, err := api.ExecCreate(ctx, o.container, client.ExecCreateOptions{
		AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: []string{"buildctl", "dial-stdio"},
	})
	if err != nil {
		return nil, err
	}
	att, err := api.ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(in, io.Discard, att.Reader)
		_ = in.CloseWithError(err)
	}()
	return stdio{att.Conn, out}, nil
}

// stdio reads what the command writes, and writes what it reads.
type stdio struct {
	net.Conn
	out io.Reader
}

func (s stdio) Read(p []byte) (int, error) { return s.out.Read(p) }
