package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/docker/cli/cli-plugins/socket"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
)

// endOnSignal ends the program with the documented status if a signal comes before a command handles signals itself. A command calls
// listening when it does so. Without endOnSignal the signal would kill the program, and the Docker CLI turns that into 255.
func endOnSignal() (listening func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			fmt.Fprintln(os.Stderr, "interrupted: nothing was done")
			os.Exit(explain.SignalStatus(s))
		case <-done:
		}
	}()
	return sync.OnceFunc(func() {
		signal.Stop(signals)
		close(done)
	})
}

// signalledBefore reports whether the Docker CLI received a signal before it started this program. The Docker CLI then closes the
// socket by which it passes signals on (docker/cli, cmd/docker/docker.go), and the plugin library treats a closed socket as no socket.
func signalledBefore() bool {
	address, ok := os.LookupEnv(socket.EnvKey)
	if !ok {
		return false
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		return true
	}
	_ = conn.Close() // the connection only tested whether the socket is open
	return false
}
