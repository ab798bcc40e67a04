package runcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// These are the statuses of programs that did not end by themselves. All but the first are those of docker run.
const (
	ranTooLong   = 124 // as timeout(1)
	ranNot       = 125
	ranNoProgram = 126
	ranNotFound  = 127
)

// runResult is the end of one platform's run.
type runResult struct {
	platform platform.Platform
	status   int
	words    string // why, if the program did not end by itself
	seconds  float64
	foreign  bool // the engine's kernel cannot run its programs
}

// runShow shows the output of programs. The output of a single platform is unchanged; with several platforms, each line begins with
// its platform.
type runShow struct {
	w     *cli.Env
	width int // of the longest platform's name; 0: a single platform
	mu    sync.Mutex
}

func newRunShow(w *cli.Env, found []runnable) *runShow {
	s := &runShow{w: w}
	if len(found) > 1 {
		for _, name := range platform.FormatAll(runPlatforms(found)) {
			s.width = max(s.width, len(name))
		}
	}
	return s
}

// run runs one platform's program and waits for it.
func (s *runShow) run(ctx context.Context, runner *smoke.Runner, r runnable, program smoke.Test) runResult {
	end := runResult{platform: r.platform}
	j := smoke.Job{Image: r.local, Test: program, Plain: true}
	if r.choose {
		j.Platform = &r.platform
	}
	if r.local == "" {
		var err error
		if j.Image, err = runner.Provide(ctx, r.image); err != nil {
			end.status, end.words = ranNot, err.Error()
			return end
		}
	}
	stdout, stderr := s.stream(s.w.Out, r.platform), s.stream(s.w.Err, r.platform)
	var began beginning
	j.Stdout, j.Stderr = stdout, io.MultiWriter(stderr, &began)
	ran, err := runner.Run(ctx, j)
	stdout.flush()
	stderr.flush()
	end.status, end.seconds = ran.Exit, ran.Seconds
	switch {
	case err != nil:
		end.status, end.words = exitStatus(err)
	case ran.OutOfMemory:
		end.words = "killed: it used more than --memory"
	}
	end.foreign = end.status != 0 && strings.Contains(string(began)+end.words, "exec format error")
	return end
}

// exitStatus returns the status of a program that did not end by itself. Like docker run, it matches the engine's error text
// (cli/command/container/run.go of docker/cli).
func exitStatus(err error) (status int, words string) {
	if late, ok := errors.AsType[*smoke.TimeoutError](err); ok {
		return ranTooLong, smoke.Explain(late)
	}
	status, words = ranNot, smoke.Explain(err)
	if _, ok := errors.AsType[*engine.StartError](err); !ok {
		return status, words
	}
	says := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(words, part) })
	}
	switch {
	case says("executable file not found", "no such file or directory"):
		status = ranNotFound
	case says("permission denied", "is a directory", "exec format error"):
		status = ranNoProgram
	}
	return status, words
}

// finish prints how the runs ended, and returns an error with the highest status.
func (s *runShow) finish(ends []runResult) error {
	status := 0
	var foreign []platform.Platform
	for _, e := range ends {
		status = max(status, e.status)
		if e.foreign {
			foreign = append(foreign, e.platform)
		}
	}
	if s.width > 0 {
		runTable(s.w.Err, ends)
	} else if ends[0].words != "" {
		cli.Putf(s.w.Err, "ERROR: %s\n", cli.Paragraph(ends[0].words))
	}
	if len(foreign) > 0 {
		cli.Putf(s.w.Err, "Hint: the engine's kernel does not run these programs: docker multiarch emulators install %s\n",
			strings.Join(platform.FormatAll(foreign), " "))
	}
	if status != 0 {
		return cli.Status(status)
	}
	return nil
}

// runTable prints a line for each platform.
func runTable(out io.Writer, ends []runResult) {
	fmt.Fprintln(out)
	t := cli.NewTable(out, "PLATFORM", "STATUS", "TIME")
	for _, e := range ends {
		t.Row(platform.Format(e.platform), e.status, strings.TrimSpace(fmt.Sprintf("%.1fs   %s", e.seconds, e.words)))
	}
	_ = t.Flush()
}

// lineStream passes on whole lines, each with a prefix.
type lineStream struct {
	show   *runShow
	to     io.Writer
	prefix string // "": passes on the bytes unchanged
	rest   []byte
}

func (s *runShow) stream(to io.Writer, p platform.Platform) *lineStream {
	l := &lineStream{show: s, to: cli.Exact(to)}
	if s.width > 0 {
		l.to = to
		l.prefix = fmt.Sprintf("%-*s | ", s.width, platform.Format(p))
	}
	return l
}

// maxLine is the length in bytes at which a line is passed on without its end.
const maxLine = 64 << 10

func (l *lineStream) Write(p []byte) (int, error) {
	if l.prefix == "" {
		return l.to.Write(p)
	}
	l.rest = append(l.rest, p...)
	var out []byte
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok && len(l.rest) < maxLine {
			break
		}
		out, l.rest = append(append(append(out, l.prefix...), line...), '\n'), rest
	}
	l.rest = bytes.Clone(l.rest)
	l.show.mu.Lock()
	defer l.show.mu.Unlock()
	_, err := l.to.Write(out)
	return len(p), err
}

// flush passes on a last line without an end.
func (l *lineStream) flush() {
	if len(l.rest) > 0 {
		_, _ = l.Write([]byte("\n")) // an earlier write has reported a broken output
	}
}

// beginning keeps the first bytes that are written.
type beginning []byte

func (b *beginning) Write(p []byte) (int, error) {
	const enough = 4 << 10
	*b = append(*b, p[:min(len(p), enough-len(*b))]...)
	return len(p), nil
}
