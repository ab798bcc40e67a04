//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is the time limit of a command, unless it is known to take longer.
const patience = 3 * time.Minute

// call is a command of the docker CLI.
type call struct {
	args  []string
	stdin io.Reader
	env   []string // added to the story's
	dir   string   // "": the story's

	patience time.Duration // 0: patience
}

// result is the result of a command.
type result struct {
	out, err string
	code     int
	took     time.Duration
}

// docker runs the docker CLI.
func (s *story) docker(args ...string) result {
	s.Helper()
	return s.run(call{args: args})
}

func (s *story) run(c call) result {
	s.Helper()
	p := s.start(c)
	return p.wait()
}

// mustDocker runs a command that has to succeed, and returns its standard output without surrounding spaces.
func (s *story) mustDocker(args ...string) string {
	s.Helper()
	r := s.docker(args...)
	if r.code != 0 {
		s.Fatalf("docker %s: status %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return strings.TrimSpace(r.out)
}

// buildArgs returns the words of a build in the story's builder.
func (s *story) buildArgs(args ...string) []string {
	return append([]string{"multiarch", "build", "--builder", s.builder}, args...)
}

// build runs docker multiarch build, in the story's builder.
func (s *story) build(args ...string) result {
	s.Helper()
	return s.docker(s.buildArgs(args...)...)
}

// mustBuild runs a build that has to succeed.
func (s *story) mustBuild(args ...string) result {
	s.Helper()
	return s.mustRun(call{args: s.buildArgs(args...)})
}

func (s *story) mustRun(c call) result {
	s.Helper()
	r := s.run(c)
	if r.code != 0 {
		s.Fatalf("docker %s: status %d after %s\n%s%s", strings.Join(c.args, " "), r.code, r.took, r.out, r.err)
	}
	return r
}

// soon is the time limit of a refusal: much less than the minutes that a silent registry or engine costs its client, and more
// than a refusal takes on a machine that is busy with other stories.
const soon = 20 * time.Second

// refused checks that a build ends at once, with this status and these words.
func (s *story) refused(r result, code int, words ...string) {
	s.Helper()
	s.equal("the status of a build that should be refused", r.code, code)
	if r.took >= soon {
		s.Errorf("it took %s to say no", r.took)
	}
	s.contains("the error", r.err, words...)
	s.equal("the standard output of a refused build", r.out, "")
}

// process is a running command, the leader of a process group of its own, as a shell makes it.
type process struct {
	s        *story
	cmd      *exec.Cmd
	out, err written
	began    time.Time
	cancel   context.CancelFunc
	done     chan struct{}
	patience time.Duration
}

// written is what a command writes, readable while it runs.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func (s *story) start(c call) *process {
	s.Helper()
	return s.startProgram("docker", c)
}

func (s *story) startProgram(program string, c call) *process {
	s.Helper()
	p := &process{s: s, began: time.Now(), done: make(chan struct{}), patience: cmp.Or(c.patience, patience)}
	ctx, cancel := context.WithTimeout(context.Background(), p.patience)
	p.cancel = cancel
	p.cmd = exec.CommandContext(ctx, program, c.args...)
	p.cmd.Env = append(append([]string{}, s.env...), c.env...)
	p.cmd.Dir, p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = s.dir, c.stdin, &p.out, &p.err
	if c.dir != "" {
		p.cmd.Dir = c.dir
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.WaitDelay = 5 * time.Second // a plugin that keeps running holds the pipes
	s.check(p.cmd.Start())
	s.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }) // gone already, most of the time
	go func() {
		_ = p.cmd.Wait() // its error is the status
		close(p.done)
	}()
	return p
}

func (p *process) wait() result {
	p.s.Helper()
	<-p.done
	p.cancel()
	r := result{out: p.out.String(), err: p.err.String(), code: p.cmd.ProcessState.ExitCode(), took: time.Since(p.began)}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.code = 128 + int(status.Signal())
	}
	if r.took >= p.patience {
		p.s.Fatalf("%s does not end\n%s", strings.Join(p.cmd.Args, " "), r.err)
	}
	return r
}

// signal sends a signal to the whole group, as a terminal does.
func (p *process) signal(sig syscall.Signal) {
	p.s.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.s.Fatal(err)
	}
}

// left reports whether a process of the group still runs.
func (p *process) left() bool { return syscall.Kill(-p.cmd.Process.Pid, 0) == nil }
