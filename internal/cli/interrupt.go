package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

// Interruptible runs work until it ends or a signal comes. A plugin gets two signals: the terminal's own, and one through the Docker
// CLI's socket, which cancels cmd.Context. A second signal ends the process at once.
func Interruptible(cmd *cobra.Command, w *Env, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	var listening sync.WaitGroup
	defer func() {
		cancel(nil)
		listening.Wait()
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// If the reader of standard output is gone, SIGPIPE would end the program and leave unfinished work behind. When the signal is
	// ignored, the write returns an error. (With signal.Notify, SIGPIPE would also come for every broken network connection: see
	// os/signal.)
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Stop(signals)
	if w.Listening != nil {
		w.Listening()
	}
	listening.Go(func() {
		select {
		case s := <-signals:
			cancel(Interrupted{s})
			signal.Stop(signals)
		case <-ctx.Done():
		}
	})
	err := work(ctx)
	if err != nil && ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
	return WithHelp(cmd, err)
}
