// Package explain prints errors to the user, with advice where it has any, and maps them to exit statuses.
package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/docker-multiarch/docker-multiarch/emulation"
	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/findings"
	"github.com/docker-multiarch/docker-multiarch/internal/crosscompile"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Error prints err to the user, with advice if there is any, and returns the exit status. No other function does either.
func Error(out io.Writer, err error) int {
	if err == nil {
		return 0
	}
	if IsPartial(err) {
		cli.Putf(out, "%s\n", cli.Paragraph(err.Error()))
		printHint(out, err)
		return cli.ExitPartial
	}
	if sig, ok := errors.AsType[cli.Interrupted](err); ok {
		fmt.Fprintln(out, "interrupted")
		return SignalStatus(sig.Signal)
	}
	if status, ok := errors.AsType[cli.Status](err); ok {
		return int(status)
	}
	if lost, ok := errors.AsType[*cli.LostAnswer](err); ok && lost.Silent() {
		return SignalStatus(syscall.SIGPIPE)
	}
	if output, ok := errors.AsType[*sink.OutputError](err); ok && output.Dest == sink.Stdout && errors.Is(err, syscall.EPIPE) {
		return SignalStatus(syscall.SIGPIPE) // the user knows that the reader of the output is gone
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(out, "interrupted")
		return cli.ExitInterrupted
	}
	printTrace(out, err)
	if refused, ok := errors.AsType[*preflight.Error](err); ok && len(refused.Findings) > 1 {
		explainFindings(out, refused)
		return statusOf(err)
	}
	cli.Putf(out, "ERROR: %s\n", cli.Paragraph(err.Error()))
	printHint(out, err)
	return statusOf(err)
}

func printHint(out io.Writer, err error) {
	if hint := Hint(err); hint != "" {
		cli.Putf(out, "Hint: %s\n", cli.Paragraph(hint))
	}
}

func statusOf(err error) int {
	if _, ok := errors.AsType[*cli.Usage](err); ok {
		return cli.ExitUsage
	}
	if known, ok := errors.AsType[*cli.StatusError](err); ok {
		return known.Status
	}
	if _, ok := errors.AsType[*index.PushError](err); ok {
		return cli.ExitPush
	}
	if lost, ok := errors.AsType[*cli.LostAnswer](err); ok {
		return max(lost.Status, cli.ExitFailed)
	}
	return cli.ExitFailed
}

// Hint returns what the user can do about an error; "" if nothing is known.
func Hint(err error) string {
	if _, ok := errors.AsType[*cli.LostAnswer](err); ok {
		return ""
	}
	if u, ok := errors.AsType[*cli.Usage](err); ok && u.Hint != "" {
		return u.Hint
	}
	if h, ok := errors.AsType[*cli.Hinted](err); ok {
		return h.Hint
	}
	if refused, ok := errors.AsType[*preflight.Error](err); ok {
		if fix := FixOf(refused.Findings[0]); fix != "" {
			return fix
		}
	}
	if hint := spaceHint(err); hint != "" {
		return hint
	}
	if hint := preflightHint(err); hint != "" {
		return hint
	}
	if errors.Is(err, manifest.ErrMediaType) {
		return "use --media-types docker (a flag of build and of manifest merge) to write the index and its images with Docker media types"
	}
	if _, ok := errors.AsType[*failure.ScannerError](err); ok {
		return "name a scanner that the builder can pull, --sbom=generator=IMAGE, or leave --sbom out"
	}
	if errors.Is(err, engine.ErrUnreachable) {
		return "docker context ls lists the engines, docker context use selects one"
	}
	if step, ok := errors.AsType[*failure.StepError](err); ok {
		return stepHint(step)
	}
	if missing, ok := errors.AsType[*emulation.MissingError](err); ok {
		return missingHint(missing, "")
	}
	if _, ok := errors.AsType[*crosscompile.UnknownStageError](err); ok {
		return "--cross takes RECIPE for all stages, or RECIPE:STAGE with the name of a FROM … AS STAGE"
	}
	if refused, ok := errors.AsType[*gate.RefusedError](err); ok {
		return findings.RefusedHint(refused)
	}
	if hint := cmp.Or(
		pushHint(err), memoryHint(err), privilegeHint(err, ""), builderHint(err), kubernetesHint(err), inputHint(err), allowHint(err), frontendHint(err),
	); hint != "" {
		return hint
	}
	if u, ok := errors.AsType[*cli.Usage](err); ok && u.Help != "" {
		return cli.HelpHint(u.Help)
	}
	return ""
}

// spaceHint returns what the user can do about a full or read-only location.
func spaceHint(err error) string {
	if output, ok := errors.AsType[*sink.OutputError](err); ok && !failure.Disconnected(err) {
		return fmt.Sprintf("df -h %q shows the free space there; the results of all steps are in the builder's cache", filepath.Dir(output.Dest))
	}
	if _, ok := errors.AsType[*buildcache.ExportError](err); ok {
		return "the results of all steps are in the builder's cache: build again when the destination can be written to,\n" +
			"      or add ignore-error=true to --cache-to, so that its failure does not fail the build"
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(path.Err, syscall.ENOSPC) { // of this machine
		return fmt.Sprintf("df -h %q shows the free space there; TMPDIR sets the folder of temporary files", filepath.Dir(path.Path))
	}
	if _, ok := errors.AsType[*engine.FullError](err); ok {
		return "docker system df shows what uses the engine's disk; docker image prune and docker multiarch builder prune free space there"
	}
	if buildkitmsg.IsNoSpace(err) {
		return "docker multiarch builder prune frees space on the disk of the builder's cache; docker multiarch builder du shows what uses it;\n" +
			"      docker multiarch builder rm removes the builder with its cache, if the disk is too full even for that"
	}
	return ""
}

// SignalStatus returns the exit status of a program that a signal ended, as shells define it.
func SignalStatus(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return cli.ExitInterrupted
}
