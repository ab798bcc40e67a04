package imagetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// run runs one test, and shows it as a step of its platform.
func (t *Tester) run(ctx context.Context, p platform.Platform, place smoke.Place, test smoke.Test) smoke.Outcome {
	step := client.Vertex{Digest: Step(p, test.Name), Name: fmt.Sprintf("[test %s] %s", test.Name, test.CommandLine())}
	if test.Name == test.CommandLine() {
		step.Name = "[test] " + test.Name
	}
	tell := func(v client.Vertex) {
		t.env.Progress.Status(p, &client.SolveStatus{Vertexes: []*client.Vertex{&v}})
	}
	tell(step)
	log := &stepLog{send: func(msg *client.SolveStatus) { t.env.Progress.Status(p, msg) }, step: step.Digest}
	o := place.Try(ctx, smoke.Job{Test: test, Stdout: log.stream(1), Stderr: log.stream(2), Begins: func() {
		now := time.Now()
		step.Started = &now
		tell(step)
	}})
	o.Platform = p
	log.end(o)
	now := time.Now()
	if step.Completed = &now; step.Started == nil {
		step.Started = &now
	}
	step.Error = o.Reason
	if err := context.Cause(ctx); err != nil {
		step.Error = context.Canceled.Error()
	}
	tell(step)
	return o
}

// Step returns the digest by which the progress display identifies a test.
func Step(p platform.Platform, test string) digest.Digest {
	return digest.FromString("docker-multiarch test\x00" + platform.Format(p) + "\x00" + test)
}

// maxStepLog is how many bytes of a test's output are shown while it runs. The end of a failed test's output is always shown.
const maxStepLog = 256 << 10

// stepLog makes messages from a step's output.
type stepLog struct {
	send    func(*client.SolveStatus)
	step    digest.Digest
	written int
}

type stepStream struct {
	*stepLog
	number int
}

func (l *stepLog) stream(number int) stepStream { return stepStream{l, number} }

// Write implements io.Writer. The streams of one step are written to one at a time.
func (s stepStream) Write(p []byte) (int, error) {
	if s.written > maxStepLog {
		return len(p), nil
	}
	data := slices.Clone(p)
	if s.written += len(p); s.written > maxStepLog {
		data = fmt.Appendf(data, "\n[output clipped after %dKiB]\n", maxStepLog>>10)
	}
	s.log(s.number, data)
	return len(p), nil
}

// end shows the last lines of a failed test, if they were clipped.
func (l *stepLog) end(o smoke.Outcome) {
	if !o.Passed && l.written > maxStepLog {
		l.log(1, []byte(o.Output))
	}
}

func (l *stepLog) log(stream int, data []byte) {
	l.send(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: l.step, Stream: stream, Data: data, Timestamp: time.Now()}}})
}
