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

// endOnSignal ends the program, with the status that is documented, on a signal that comes before a command listens for signals
// itself; what it returns says that one does. Without it the signal would kill the program, and the Docker CLI turns that into 255.
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

// signalledBefore tells whether a signal came to the Docker CLI before it had started this program: it then closes the socket by
// which it passes signals on (docker/cli, cmd/docker/docker.go), and the plugin library takes a closed socket for none.
func signalledBefore() bool {
	address, ok := os.LookupEnv(socket.EnvKey)
	if !ok {
		return false
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		return true
	}
	_ = conn.Close() // it was to see whether somebody is there
	return false
}
