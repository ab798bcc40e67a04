package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	dockercli "github.com/docker/cli/cli"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// explain writes err for the user, with what to do about it where that is known, and gives the exit status. It is the one place
// that does either.
func explain(out io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if isPartial(err) {
		putf(out, "%s\n", paragraph(err.Error()))
		printHint(out, err)
		return exitPartial
	}
	var status dockercli.StatusError
	if errors.As(err, &status) {
		putf(out, "%s\n", paragraph(status.Error()))
		return max(status.StatusCode, 1)
	}
	if sig, ok := errors.AsType[interrupted](err); ok {
		fmt.Fprintln(out, "interrupted")
		return signalStatus(sig.signal)
	}
	if status, ok := errors.AsType[callStatus](err); ok {
		return int(status)
	}
	if lost, ok := errors.AsType[*lostAnswer](err); ok && lost.silent() {
		return signalStatus(syscall.SIGPIPE)
	}
	if output, ok := errors.AsType[*sink.OutputError](err); ok && output.Dest == "-" && errors.Is(err, syscall.EPIPE) {
		return signalStatus(syscall.SIGPIPE) // that nobody reads on is no news to the user
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out, "interrupted")
		return exitInterrupted
	}
	printTrace(out, err)
	if refused, ok := errors.AsType[*preflight.Error](err); ok && len(refused.Findings) > 1 {
		explainFindings(out, refused)
		return statusOf(err)
	}
	putf(out, "ERROR: %s\n", paragraph(err.Error()))
	printHint(out, err)
	return statusOf(err)
}

func printHint(out io.Writer, err error) {
	if hint := hintFor(err); hint != "" {
		putf(out, "Hint: %s\n", paragraph(hint))
	}
}

func statusOf(err error) int {
	if _, ok := errors.AsType[*usage](err); ok {
		return exitUsage
	}
	if known, ok := errors.AsType[*statusError](err); ok {
		return known.status
	}
	if _, ok := errors.AsType[*index.PushError](err); ok {
		return exitPush
	}
	if lost, ok := errors.AsType[*lostAnswer](err); ok {
		return max(lost.status, exitFailed)
	}
	return exitFailed
}

// hintFor is what the user can do about an error; "" if nothing is known.
func hintFor(err error) string {
	if _, ok := errors.AsType[*lostAnswer](err); ok {
		return ""
	}
	if u, ok := errors.AsType[*usage](err); ok && u.hint != "" {
		return u.hint
	}
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	if refused, ok := errors.AsType[*preflight.Error](err); ok && refused.Findings[0].Fix != "" {
		return refused.Findings[0].Fix
	}
	if output, ok := errors.AsType[*sink.OutputError](err); ok {
		return fmt.Sprintf("df -h %q shows the room where it would be written; everything that was built is in the cache", filepath.Dir(output.Dest))
	}
	if _, ok := errors.AsType[*preflight.HostNetworkError](err); ok {
		return "if the Dockerfile may decide that: " + hostNetworkFlag
	}
	if _, ok := errors.AsType[*solve.CacheError](err); ok {
		return "everything was built and is in the builder's cache: build again when the place can be written to,\n" +
			"      or let --cache-to fail without the build: ignore-error=true"
	}
	if _, ok := errors.AsType[*solve.ScannerError](err); ok {
		return "give an image that the builder can pull, --sbom=generator=IMAGE, or leave --sbom out"
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(path.Err, syscall.ENOSPC) { // of this machine
		return fmt.Sprintf("df -h %q shows the room there; TMPDIR says where temporary files are put", filepath.Dir(path.Path))
	}
	if strings.Contains(err.Error(), "no space left on device") {
		return "docker multiarch builder prune makes room on the disk of the builder's cache; docker multiarch builder du shows what is there"
	}
	if errors.Is(err, engine.ErrUnreachable) {
		return "docker context ls lists the engines that are known, docker context use chooses one"
	}
	if cannot, ok := errors.AsType[*preflight.CannotRunError](err); ok {
		return cannotRunHint(cannot)
	}
	if step, ok := errors.AsType[*solve.StepError](err); ok {
		return stepHint(step)
	}
	if missing, ok := errors.AsType[*emulation.MissingError](err); ok {
		return missingHint(missing)
	}
	if _, ok := errors.AsType[*solve.UnknownStageError](err); ok {
		return "--cross takes RECIPE for all stages, or RECIPE:STAGE with the name of a FROM … AS STAGE"
	}
	if refused, ok := errors.AsType[*gate.RefusedError](err); ok {
		return refusedHint(refused)
	}
	if hint := cmp.Or(allowHint(err), frontendHint(err)); hint != "" {
		return hint
	}
	if u, ok := errors.AsType[*usage](err); ok && u.help != "" {
		return helpHint(u.help)
	}
	return ""
}

// cannotRunHint: nothing was tried if nothing may be installed, else what an install would do has been done in vain.
func cannotRunHint(cannot *preflight.CannotRunError) string {
	install := "docker multiarch emulators install " + strings.Join(platform.FormatAll(cannot.Platforms), " ")
	if missing, ok := errors.AsType[*emulation.MissingError](cannot.Err); ok {
		install = missingHint(missing)
	}
	if install != "" {
		install += "\n      or "
	}
	if cannot.Tests {
		return install + "test only what it runs: --test linux/amd64:CMD, or platforms in --test-file"
	}
	return fmt.Sprintf("%slet no step run for %s (cross-compile in a stage FROM --platform=$BUILDPLATFORM)", install, platform.Format(cannot.Platforms[0]))
}

// signalStatus is the exit status of a program that a signal has ended, as shells have it.
func signalStatus(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return exitInterrupted
}
