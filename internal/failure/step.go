package failure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// StepError says that a step failed the way in which steps fail when programs of its platform do not run well on the node. It says
// what its Err says; the rest is for a hint.
type StepError struct {
	Platform platform.Platform
	Mode     plan.Mode
	Emulator string // "qemu 7.2.22"; "" if there is none or it is not known
	// Crashed: a program under an emulator died of a signal. Otherwise the kernel knew no way to start it.
	Crashed bool
	Err     error
}

func (e *StepError) Error() string { return e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// Symptoms are what a solve's output says about programs that did not run.
type Symptoms struct {
	crash, format bool
	tails         map[digest.Digest]string // the end of each step's output, for words that come in two parts
}

// The words of QEMU's user mode (linux-user/signal.c), of the C libraries for ENOEXEC, and of what comes of it, in small letters.
const (
	crashWords  = "uncaught target signal"
	formatWords = "exec format error"
	// busybox's shell takes what the kernel does not start for a script.
	scriptWords = "line 1: syntax error: unexpected word (expecting"
)

// See takes in a message of the solve.
func (s *Symptoms) See(msg *client.SolveStatus) {
	for _, l := range msg.Logs {
		text := s.tails[l.Vertex] + strings.ToLower(string(l.Data))
		s.crash = s.crash || strings.Contains(text, crashWords)
		s.format = s.format || strings.Contains(text, formatWords) || strings.Contains(text, scriptWords)
		if s.tails == nil {
			s.tails = map[digest.Digest]string{}
		}
		s.tails[l.Vertex] = text[max(0, len(text)-len(scriptWords)):]
	}
}

// Explain gives a solve's error its kind, if it has these symptoms.
func (s *Symptoms) Explain(job plan.Job, err error) error {
	if err == nil {
		return nil
	}
	step := &StepError{Platform: job.Platform, Mode: job.Mode, Emulator: job.Emulator, Err: err}
	switch {
	case job.Mode.Emulated() && (s.crash || crashStatus(err)):
		step.Crashed = true
	case s.format || strings.Contains(strings.ToLower(err.Error()), formatWords):
	default:
		return err
	}
	return step
}

// crashStatus reports whether a step ended by SIGSEGV or SIGILL, as a shell has it: 128 and the signal's number. Other signals are
// more often the program's own.
func crashStatus(err error) bool {
	const segv, ill = 128 + 11, 128 + 4
	if exit, ok := errors.AsType[*gatewaypb.ExitError](err); ok {
		return exit.ExitCode == segv || exit.ExitCode == ill
	}
	text := err.Error()
	return strings.HasSuffix(text, fmt.Sprintf("exit code: %d", segv)) || strings.HasSuffix(text, fmt.Sprintf("exit code: %d", ill))
}
