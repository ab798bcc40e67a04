package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/printable"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mode is a form of display.
type Mode string

// [Auto] is [TTY] on a terminal, else [Plain].
const (
	Auto    Mode = "auto"
	Plain   Mode = "plain"
	TTY     Mode = "tty"
	Quiet   Mode = "quiet"
	RawJSON Mode = "rawjson"
)

// Options are the options of a display.
type Options struct {
	Out  io.Writer
	Mode Mode
	// Title names the build, in one line.
	Title string
	// Platforms are those of the build; none means one that is not known yet.
	Platforms []platform.Platform
	// LogDir is a folder for a file of each lane; "" means no files.
	LogDir string
	// Style is the appearance of a terminal's display.
	Style Style
}

// ErrNoTerminal means that there is no terminal to show [TTY] on.
var ErrNoTerminal = errors.New("it is not a terminal")

// LogDirError means that the logs cannot be written. Nothing was done.
type LogDirError struct{ Err error }

func (e *LogDirError) Error() string { return e.Err.Error() }
func (e *LogDirError) Unwrap() error { return e.Err }

// Plan is the part of a build's plan that a display needs.
type Plan struct {
	// Shared counts in how many platforms' graphs each step is.
	Shared map[digest.Digest]int
	// How has, by the platform's name, how it is built: "native", "emulated (qemu 7.2)".
	How map[string]string
	// Programs has, by the digests of the steps that run one, where they are written and what runs them.
	Programs map[digest.Digest]Program
}

// Display shows a build's messages. Its methods may be called from several goroutines. Close it.
type Display struct {
	mu     sync.Mutex
	lanes  *lanes
	record *record
	shows  []show
	closed bool
	now    func() time.Time

	programs map[digest.Digest]Program
}

// show is one form of a display.
type show interface {
	show(message)
	note(line string)
	close() error
}

// New starts a display. Its errors are [ErrNoTerminal] and [LogDirError], and one for an unknown mode.
//
// It ends when it is closed, not with ctx: messages of the solves after an interrupt are shown too.
func New(ctx context.Context, o Options) (*Display, error) {
	names := platform.FormatAll(slices.SortedFunc(slices.Values(o.Platforms), platform.Compare))
	d := &Display{lanes: newLanes(len(names)), record: newRecord(names), now: time.Now}
	var logs *files
	if o.LogDir != "" {
		var err error
		if logs, err = newFiles(o.LogDir, names); err != nil {
			return nil, &LogDirError{err}
		}
	}
	main, err := d.form(ctx, o, names, logs)
	if err != nil {
		if logs != nil {
			_ = logs.close()
		}
		return nil, err
	}
	d.shows = append(d.shows, main)
	if _, both := main.(*texts); !both && logs != nil {
		d.shows = append(d.shows, newTexts(ctx, nil, names, logs))
	}
	return d, nil
}

// form returns the display proper. A plain one writes the logs as well.
func (d *Display) form(ctx context.Context, o Options, names []string, logs *files) (show, error) {
	switch o.Mode {
	case TTY, Auto:
		main, err := d.onTerminal(o)
		if err == nil || o.Mode == TTY {
			return main, err
		}
		return newTexts(ctx, o.Out, names, logs), nil
	case Plain:
		return newTexts(ctx, o.Out, names, logs), nil
	case RawJSON:
		return newRaw(o.Out, d.lanes), nil
	case Quiet:
		return silent{o.Out}, nil
	}
	return nil, fmt.Errorf("there is no progress display %q", o.Mode)
}

// silent shows notes only.
type silent struct{ out io.Writer }

func (s silent) show(message)     {}
func (s silent) note(line string) { _, _ = fmt.Fprintln(s.out, printable.Text(line)) } // a lost warning is not a reason to fail
func (s silent) close() error     { return nil }

// Cleared gives the display the plan. Steps that were shown before it keep their lanes.
func (d *Display) Cleared(plan Plan) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lanes.counts = plan.Shared
	d.record.plan(plan.How)
	d.programs = plan.Programs
}

// Status is a message of one platform's solve; nil is the end of the solve. The zero platform stands for work for all of them.
// The message is kept, and must not be modified.
func (d *Display) Status(p platform.Platform, s *client.SolveStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed: // a registry may answer late
	case p.OS == "" && s != nil:
		d.common(s)
	case s == nil:
		d.lanes.handOver(platform.Format(p))
		d.record.end(platform.Format(p), d.now())
	default:
		d.record.again(platform.Format(p))
		for _, m := range d.lanes.split(platform.Format(p), s) {
			d.record.observe(m, d.now())
			d.pass(m)
		}
	}
}

// common shows work for all platforms: in the lane of the only platform if there is just one.
func (d *Display) common(s *client.SolveStatus) {
	m := message{Shared, s}
	if d.lanes.single && len(d.record.names) == 1 {
		m.lane = d.record.names[0]
	}
	t := d.record.track(m.lane)
	ended := t.ended
	d.record.observe(m, d.now())
	t.ended = ended // the end is that of the platform's solve
	d.pass(m)
}

func (d *Display) pass(m message) {
	for _, to := range d.shows {
		to.show(m)
	}
}

// Note shows a line of the program's own.
func (d *Display) Note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	for _, to := range d.shows {
		to.note(line)
	}
}

// Close waits until everything is shown. Later messages are ignored. Its error is one of the logs.
func (d *Display) Close() error {
	d.mu.Lock()
	again := d.closed
	d.closed = true
	d.mu.Unlock()
	if again {
		return nil
	}
	var first error
	for _, s := range d.shows {
		if err := s.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
