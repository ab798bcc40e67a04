package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/kubectl"
	"github.com/docker-multiarch/docker-multiarch/builder/kubernetes/objects"
)

// programWatch is what is known about a program that runs.
type programWatch struct {
	Programs
	prog Program
	pod  string // as kubectl names it
	last pod    // as the API has shown it

	output            *output          // nil before the program has started
	timeout, patience <-chan time.Time // of the program, and with what stands in its way
}

// output is the reading of a program's output. err is set when done is closed.
type output struct {
	done chan struct{}
	err  error
}

// outputWait is how long the rest of the output may take once the program has ended.
const outputWait = 20 * time.Second

// attend waits for the end of the program in a pod.
func (p Programs) attend(ctx context.Context, name string, prog Program) (ProgramEnd, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &programWatch{Programs: p, prog: prog, pod: "pod/" + name}
	defer w.stop(cancel)
	seen, failed := make(chan *pod), make(chan error, 1)
	go func() { failed <- p.watch(ctx, name, seen) }()
	starting := time.After(programStart)
	for {
		select {
		case now := <-seen:
			if now == nil {
				return ProgramEnd{}, fmt.Errorf("%s: the pod was deleted", w.pod)
			}
			w.last = *now
			if done, end, err := w.judge(ctx); done {
				return end, err
			}
		case <-w.patience:
			return ProgramEnd{}, &NotReadyError{obstacle: w.last.obstacle(), Patient: p.node.opt.Patient}
		case <-w.timeout:
			return ProgramEnd{}, &ProgramTimeoutError{prog.Timeout}
		case <-starting:
			if w.output == nil {
				return ProgramEnd{}, &NotReadyError{obstacle: (&crowd{pods: map[string]pod{name: w.last}}).states(), Waited: programStart}
			}
		case err := <-failed:
			return ProgramEnd{}, err
		case <-ctx.Done():
			return ProgramEnd{}, context.Cause(ctx)
		}
	}
}

// judge reports whether the pod, as it is now, ends the wait, and with what.
func (w *programWatch) judge(ctx context.Context) (done bool, end ProgramEnd, err error) {
	s := w.last.container(objects.ProgramContainer)
	e := s.State.Terminated
	if e != nil && slices.Contains(notStarted, e.Reason) {
		return true, end, &ProgramStartError{e.Message}
	}
	if w.output == nil && (s.State.Running != nil || e != nil) {
		w.started(ctx)
	}
	switch why, _ := w.last.lost(0); {
	case w.last.Status.Reason == pastDeadline:
		return true, end, &ProgramTimeoutError{w.prog.Timeout}
	case w.last.Status.Reason != "" && w.last.Status.Phase == "Failed":
		return true, end, fmt.Errorf("%s: %s", w.pod, w.last.obstacle().Text)
	case why != "":
		return true, end, fmt.Errorf("%s: %s", w.pod, why)
	case e != nil:
		end, err = ProgramEnd{e.ExitCode, e.Reason == outOfMemory}, w.rest(ctx)
		return true, end, err
	}
	w.wait()
	return false, end, nil
}

// notStarted are the reasons for which a container ends whose program could not be started. The first is containerd's.
var notStarted = []string{"StartError", "ContainerCannotRun"} //nolint:gochecknoglobals // a constant

// pastDeadline is the reason for which the cluster ends a pod that nobody has ended.
const pastDeadline = "DeadlineExceeded"

// started begins to read the output, to send the input, and to count the time.
func (w *programWatch) started(ctx context.Context) {
	w.output, w.timeout = &output{done: make(chan struct{})}, time.After(w.prog.Timeout)
	go func() {
		defer close(w.output.done)
		w.output.err = w.follow(ctx)
	}()
	if w.prog.Input != nil {
		go func() {
			// A program need not read its input: its end counts, not this error.
			_ = w.node.Feed(ctx, w.pod, objects.ProgramContainer, w.prog.Input)
		}()
	}
}

// stop ends what runs in the background. Nothing is written after that.
func (w *programWatch) stop(cancel func()) {
	cancel()
	if w.output != nil {
		<-w.output.done
	}
}

// wait begins or ends the time for which something may stand in the way of the pod.
func (w *programWatch) wait() {
	switch {
	case !w.last.obstacle().found():
		w.patience = nil
	case w.patience == nil && w.node.opt.Patient:
		w.patience = time.After(w.node.opt.Timeout)
	case w.patience == nil:
		w.patience = time.After(settled)
	}
}

// rest waits for the output of a program that has ended.
func (w *programWatch) rest(ctx context.Context) (err error) {
	select {
	case <-w.output.done:
		err = w.output.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(outputWait):
		err = fmt.Errorf("it does not end within %s", outputWait)
	}
	if err != nil {
		err = fmt.Errorf("the output of %s cannot be read: %w", w.pod, err)
	}
	return err
}

// follow writes the program's output. It begins again where it was if the connection breaks: the log of an ended container can be read, too.
func (w *programWatch) follow(ctx context.Context) error {
	to := &onward{to: w.prog.Output}
	for {
		to.again()
		err := w.node.Follow(ctx, w.pod, objects.ProgramContainer, to)
		if err == nil || ctx.Err() != nil || kubectl.Reason(err) != "" {
			return err
		}
		_ = pause(ctx, awayPause)
	}
}

// onward writes what begins again at its beginning, without what it has written before.
type onward struct {
	to            io.Writer
	written, skip int64
}

func (o *onward) again() { o.skip = o.written }

func (o *onward) Write(p []byte) (int, error) {
	known := min(o.skip, int64(len(p)))
	o.skip -= known
	n, err := o.to.Write(p[known:])
	o.written += int64(n)
	return int(known) + n, err
}

// watch sends what becomes of a pod, and nil when it is gone, until ctx ends.
func (p Programs) watch(ctx context.Context, name string, seen chan<- *pod) error {
	return p.node.watching(ctx, func(raw json.RawMessage, gone bool) error {
		now := &pod{}
		if err := json.Unmarshal(raw, now); err != nil {
			return fmt.Errorf("a pod, as kubectl shows it: %w", err)
		}
		if gone {
			now = nil
		}
		select {
		case seen <- now:
		case <-ctx.Done():
		}
		return nil
	}, "pods", "--field-selector", "metadata.name="+name)
}
