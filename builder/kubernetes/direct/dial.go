package direct

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/websocket"
)

// These are the channels of a connection to a program, and the protocols that have them: each message begins with its channel.
// Source: k8s.io/apimachinery, pkg/util/remotecommand and pkg/util/httpstream/wsstream.
const (
	stdin  = 0
	stdout = 1
	status = 3 // the last message: how the program has ended

	protocol4, protocol5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
)

// Dial runs a command in a container of a pod, whose standard input and output are the connection. It lasts until it is closed, also when ctx
// ends.
func (t Target) Dial(ctx context.Context, pod, container string, command ...string) (net.Conn, error) {
	a, err := t.access()
	if err != nil {
		return nil, err
	}
	raw, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	ws, err := websocket.NewClient(a.config(pod, container, command), raw)
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	ws.PayloadType = websocket.BinaryFrame
	return &conn{Conn: ws}, nil
}

// dial connects to the API server.
func (a access) dial(ctx context.Context) (net.Conn, error) {
	host := a.server.Host
	if a.server.Port() == "" {
		host = net.JoinHostPort(a.server.Hostname(), "443")
	}
	d := tls.Dialer{Config: a.tls}
	return d.DialContext(ctx, "tcp", host)
}

// config is the request for a command.
func (a access) config(pod, container string, command []string) *websocket.Config {
	location := a.server.JoinPath("api/v1/namespaces", a.namespace, "pods", pod, "exec")
	location.Scheme = "wss"
	location.RawQuery = url.Values{"container": {container}, "command": command, "stdin": {"true"}, "stdout": {"true"}}.Encode()
	header := http.Header{}
	if a.token != "" {
		header.Set("Authorization", "Bearer "+a.token)
	}
	return &websocket.Config{
		Location: location, Origin: a.server, Version: websocket.ProtocolVersionHybi13, Protocol: []string{protocol5, protocol4}, Header: header,
	}
}

// conn is a connection to a program.
type conn struct {
	*websocket.Conn
	reading sync.Mutex
	rest    []byte // of the last message
}

// Read reads what the program writes.
func (c *conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.rest) == 0 {
		var message []byte
		if err := websocket.Message.Receive(c.Conn, &message); err != nil {
			return 0, err
		}
		if len(message) == 0 {
			continue
		}
		switch message[0] {
		case stdout:
			c.rest = message[1:]
		case status:
			return 0, ending(message[1:])
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// ending returns why a program has ended, from the API's words.
func ending(words []byte) error {
	var s struct{ Status, Message string }
	if json.Unmarshal(words, &s) == nil && s.Status == "Failure" {
		return errors.New(s.Message)
	}
	return io.EOF
}

// Write writes what the program reads.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(append([]byte{stdin}, p...))
	return max(0, n-1), err
}
