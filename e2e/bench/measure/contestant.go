package measure

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// These are the names of the contestants, in the order of the columns.
const (
	Ours      = "ours"
	Peer      = "peer"
	Same      = "same"
	Bare      = "bare"
	BareIndex = "bare+index"
	Unchecked = "unchecked" // ours, where there is nothing to check, or checks are off
)

// Contestant is one of the programs that a row compares.
type Contestant struct {
	Name string
	Cmd  []string // the program and its arguments
	Env  []string // its whole environment
}

// sample is one run.
type sample struct {
	wall            time.Duration
	peak            int64         // bytes
	cpu             time.Duration // of the process, the children that it waited for, and a server
	requests, bytes int64         // to the registry
}

func (s sample) in(u Unit) float64 {
	switch u {
	case MiB:
		return float64(s.peak) / (1 << 20)
	case Sent:
		return float64(s.bytes) / 1e6
	case Requests:
		return float64(s.requests)
	case CPU:
		return float64(s.cpu.Microseconds()) / 1000
	}
	return float64(s.wall.Microseconds()) / 1000
}

// Run runs the contestant once, without a measurement. An error has what the contestant wrote to stderr.
func (c Contestant) Run(ctx context.Context) error {
	_, err := c.observe(ctx)
	return err
}

// observe runs the contestant once. The peak is that of the process and of the children that it waited for. It is never less
// than this program's own, since a new process shares its parent's memory until it executes; so this program stays small, and
// the BuildKit client lives in another one.
func (c Contestant) observe(ctx context.Context) (sample, error) {
	cmd := exec.CommandContext(ctx, c.Cmd[0], c.Cmd[1:]...)
	cmd.Env = c.Env
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	err := cmd.Run()
	s := sample{wall: time.Since(began)}
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	if err != nil {
		return s, fmt.Errorf("%s: %q: %w\n%s", c.Name, c.Cmd, err, said.Bytes())
	}
	s.peak, s.cpu = peak(cmd.ProcessState), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	return s, nil
}
