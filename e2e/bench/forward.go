package main

import (
	"context"
	"io"
	"net"
	"strings"
)

// forward serves an engine's unix socket on a loopback port until ctx ends, and returns the port's DOCKER_HOST: a client that
// connects there cannot know that it is on the engine's machine. An engine that is reached over TCP already is returned as it is.
func forward(ctx context.Context, host string) (string, error) {
	path, ok := strings.CutPrefix(host, "unix://")
	if !ok {
		return host, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	context.AfterFunc(ctx, func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go pass(ctx, conn.(*net.TCPConn), path)
		}
	}()
	return "tcp://" + l.Addr().String(), nil
}

// pass copies both ways; the end of one direction closes that direction only, since the engine's streams end one by one.
func pass(ctx context.Context, client *net.TCPConn, path string) {
	defer client.Close()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return
	}
	engine := conn.(*net.UnixConn)
	defer engine.Close()
	go func() {
		_, _ = io.Copy(engine, client)
		_ = engine.CloseWrite()
	}()
	_, _ = io.Copy(client, engine)
	_ = client.CloseWrite()
}
