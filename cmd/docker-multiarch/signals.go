package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

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
