package failure

import (
	"errors"
	"strings"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/plan"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// StepError says that a step failed in a way that is typical of programs that the node does not run well. Its message is that of Err; the
// other fields are for a hint.
type StepError struct {
	Platform platform.Platform
	Mode     plan.Mode
	Emulator string // "qemu 7.2.22"; "" if there is none or it is not known
	// Crashed reports that a program under an emulator died of a signal. Otherwise the kernel had no handler to start it.
	Crashed bool
	Err     error
}

func (e *StepError) Error() string { return e.Err.Error() }
func (e *StepError) Unwrap() error { return e.Err }

// Symptoms collects the signs in a solve's output of programs that did not run, and of a registry that does not serve a push.
type Symptoms struct {
	crash, format bool
	registry      int                      // the last status of a registry that BuildKit has logged
	tails         map[digest.Digest]string // the end of each step's output, for texts that arrive in two parts
}

// The texts of QEMU's user mode (linux-user/signal.c), and of the errors that follow from ENOEXEC, in lower case.
const (
	crashWords = "uncaught target signal"
	// busybox's shell reads a file that the kernel does not start as a script.
	scriptWords = "line 1: syntax error: unexpected word (expecting"
)

// Add processes a message of the solve.
func (s *Symptoms) Add(msg *client.SolveStatus) {
	for _, l := range msg.Logs {
		text := s.tails[l.Vertex] + strings.ToLower(string(l.Data))
		if status := buildkitmsg.RegistryStatus(text); status != 0 {
			s.registry = status
		}
		s.crash = s.crash || strings.Contains(text, crashWords)
		s.format = s.format || strings.Contains(text, buildkitmsg.NotExecutable) || strings.Contains(text, scriptWords)
		if s.tails == nil {
			s.tails = map[digest.Digest]string{}
		}
		s.tails[l.Vertex] = text[max(0, len(text)-len(scriptWords)):]
	}
}

// Explain wraps a solve's error in a StepError, if the solve has these symptoms.
func (s *Symptoms) Explain(job plan.Job, err error) error {
	if err == nil {
		return nil
	}
	step := &StepError{Platform: job.Platform, Mode: job.Mode, Emulator: job.Emulator, Err: err}
	switch {
	case job.Mode.Emulated() && (s.crash || crashStatus(err)):
		step.Crashed = true
	case s.format || strings.Contains(strings.ToLower(err.Error()), buildkitmsg.NotExecutable):
	default:
		return err
	}
	return step
}

// crashStatus reports whether a step ended by SIGSEGV or SIGILL, as a shell reports it: 128 plus the signal's number. Other signals are
// more often the program's own.
func crashStatus(err error) bool {
	const segv, ill = 128 + 11, 128 + 4
	if exit, ok := errors.AsType[*gatewaypb.ExitError](err); ok {
		return exit.ExitCode == segv || exit.ExitCode == ill
	}
	return buildkitmsg.HasExitCode(err, segv) || buildkitmsg.HasExitCode(err, ill)
}

// Momentary reports whether the solve's error is that of a push which the registry could not take for the moment. It returns the
// repository, if the error is that of a push, and what the registry did.
func (s *Symptoms) Momentary(err error) (repository, cause string, ok bool) {
	if silent, ok := errors.AsType[*SilentError](err); ok {
		return silent.Repository, silent.cause(), true
	}
	repository, pushed := buildkitmsg.PushedTo(err)
	cause, ok = buildkitmsg.Momentary(err, s.registry)
	return repository, cause, ok && pushed
}

// MomentaryExport is Momentary for the error of a cache's export, which does not name its repository.
func (s *Symptoms) MomentaryExport(err error) (cause string, ok bool) {
	if silent, ok := errors.AsType[*SilentError](err); ok {
		return silent.cause(), true
	}
	return buildkitmsg.Momentary(err, s.registry)
}
