package buildkitmsg

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// IsCanceled reports whether the text of an error, of a solve or of a vertex, says that it was stopped. Its end is Go's text of
// [context.Canceled] (util/progress/progressui/display.go compares the same text).
func IsCanceled(text string) bool { return strings.HasSuffix(text, context.Canceled.Error()) }

// IsProcessFailure reports whether the process of a step failed (solver/llbsolver/ops/exec.go).
func IsProcessFailure(err error) bool {
	return strings.Contains(strings.ToLower(err.Error()), "did not complete successfully")
}

// exitCode is in the error of a step whose process ended with a status other than 0 (frontend/gateway/pb/exit.go).
var exitCode = lazyregexp.New(`exit code: \d+`)

// ExitCode returns the part of a vertex's error that has the exit status of its process; "" if there is none (frontend/gateway/pb/exit.go).
func ExitCode(text string) string { return exitCode().FindString(text) }

// HasExitCode reports whether the process of a step ended with a status. It is for errors that lost their type (frontend/gateway/pb/exit.go).
func HasExitCode(err error, code int) bool {
	return strings.HasSuffix(err.Error(), fmt.Sprintf("exit code: %d", code))
}

var killed = lazyregexp.New(`did not complete successfully: exit code: 137\b`)

// IsKilled reports whether the process of a step ended by SIGKILL, which the kernel sends when memory is short. BuildKit adds "cannot
// allocate memory" where the limit of the step's own control group was hit (executor/runcexecutor/executor.go).
func IsKilled(err error) bool { return killed().MatchString(err.Error()) }

// NotExecutable is the kernel's ENOEXEC in the runtimes' wording, and in lower case that of the C libraries: the program is for another
// CPU, or is none. runc writes it to the step's output or returns it (libcontainer/standard_init_linux.go of runc); it is also the text of Go
// (syscall/zerrors_linux_amd64.go).
const NotExecutable = "exec format error"

// IsNotExist reports whether a path in a step's result does not exist. BuildKit sends the kernel's error as text (cache/util/fsutil.go).
func IsNotExist(err error) bool {
	return strings.HasSuffix(err.Error(), "no such file or directory") || strings.HasSuffix(err.Error(), "not a directory")
}

// IsNoSpace reports whether a disk was full, which is the builder's unless the error has a type of this machine. BuildKit sends the kernel's
// error as text.
func IsNoSpace(err error) bool { return strings.Contains(err.Error(), "no space left on device") }
