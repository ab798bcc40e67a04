package progress

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"

	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// texts shows the lanes as lines: each lane by a plain display of BuildKit's, so that its lines look familiar. They go to a
// common stream, with the lane's name before them, and to the lane's file.
type texts struct {
	out   *stream // nil if there is none
	width int     // of the longest lane's name
	files *files  // nil if there are none
	lanes map[string]*textLane
	run   func(display progressui.Display, ch chan *client.SolveStatus) error // outlives the call that starts it
	err   error
}

// textLane is one running display.
type textLane struct {
	ch      chan *client.SolveStatus
	done    chan error
	outputs outputs
}

func newTexts(ctx context.Context, out io.Writer, platforms []string, files *files) *texts {
	t := &texts{files: files, lanes: map[string]*textLane{}}
	t.run = func(display progressui.Display, ch chan *client.SolveStatus) error {
		_, err := display.UpdateFrom(context.WithoutCancel(ctx), ch)
		return err
	}
	if out != nil {
		t.out = &stream{out: out}
	}
	if len(platforms) > 1 {
		t.width = len(Shared)
	}
	for _, p := range platforms {
		t.width = max(t.width, len(p))
	}
	return t
}

func (t *texts) show(m message) {
	lane := t.lanes[m.lane]
	if lane == nil {
		var err error
		if lane, err = t.open(m.lane); err != nil {
			t.fail(err)
			return
		}
		t.lanes[m.lane] = lane
	}
	lane.ch <- m.status
}

func (t *texts) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// open starts a lane's display.
func (t *texts) open(name string) (*textLane, error) {
	lane := &textLane{ch: make(chan *client.SolveStatus), done: make(chan error, 1)}
	if t.out != nil {
		// BuildKit writes an empty line between steps; among the lines of other lanes it would be noise.
		prefix := fmt.Sprintf("%-*s | ", t.width, name)
		lane.outputs.list = append(lane.outputs.list, &laneWriter{to: t.out, prefix: prefix, colours: true, dense: true})
	}
	if t.files != nil {
		file, err := t.files.of(name)
		if err != nil {
			t.fail(err)
		} else {
			lane.outputs.list = append(lane.outputs.list, &laneWriter{to: file})
		}
	}
	display, err := progressui.NewDisplay(&lane.outputs, progressui.PlainMode)
	if err != nil {
		return nil, err
	}
	go func() { lane.done <- t.run(display, lane.ch) }()
	return lane, nil
}

// note is a line of the program's own, of no lane; parts of it may be foreign text.
func (t *texts) note(line string) {
	line = printable.Text(line)
	if t.out != nil {
		t.out.write([]byte(line + "\n"))
	}
	if t.files == nil {
		return
	}
	file, err := t.files.of(Shared)
	if err != nil {
		t.fail(err)
		return
	}
	file.write([]byte(line + "\n"))
}

func (t *texts) close() error {
	for _, lane := range t.lanes {
		lane.outputs.closing.Store(true)
		close(lane.ch)
	}
	for _, lane := range t.lanes {
		if err := <-lane.done; err != nil {
			t.fail(err)
		}
		lane.outputs.flush()
	}
	if t.files != nil {
		if err := t.files.close(); err != nil {
			t.fail(err)
		}
	}
	return t.err // a failed write to standard error is not a reason to fail
}

// outputs passes on the output of one lane's display.
type outputs struct {
	list    []*laneWriter
	closing atomic.Bool
	over    bool
}

// epilogueMark begins the output of BuildKit's plain display after its end: the last lines of failed steps, which are shown once
// for all lanes elsewhere. Every other line that it writes begins with a step's number.
const epilogueMark = "------\n"

func (o *outputs) Write(p []byte) (int, error) {
	if o.over || o.closing.Load() && strings.HasPrefix(string(p), epilogueMark) {
		o.over = true
		return len(p), nil
	}
	for _, w := range o.list {
		_, _ = w.Write(p) // it does not fail
	}
	return len(p), nil
}

func (o *outputs) flush() {
	for _, w := range o.list {
		w.flush()
	}
}
