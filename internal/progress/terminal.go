package progress

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/containerd/console"
	"github.com/mattn/go-runewidth"
	"github.com/morikuni/aec"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/printable"
)

// terminal redraws the lanes in place, at a bounded rate and beside the build: a slow terminal does not slow down the build.
type terminal struct {
	mu     sync.Locker // holds the record
	record *record
	style  Style
	title  string
	begun  time.Time
	now    func() time.Time
	out    io.Writer
	size   func() (width, height int)

	notes  []string // not written yet
	warned map[string]bool
	drawn  []int // the widths of the lines on the screen, which begin where the cursor was
	stop   chan struct{}
	done   sync.WaitGroup
}

// onTerminal shows the lanes on the terminal that is behind o.Out.
func (d *Display) onTerminal(o Options) (show, error) {
	file, ok := o.Out.(console.File)
	if !ok {
		return nil, ErrNoTerminal
	}
	c, err := console.ConsoleFromFile(file)
	if err != nil {
		return nil, ErrNoTerminal
	}
	t := d.newTerminal(o)
	t.size = func() (int, int) {
		if size, err := c.Size(); err == nil && size.Width > 0 && size.Height > 0 {
			return int(size.Width), int(size.Height)
		}
		return 80, 24 // the size of a terminal that does not report one
	}
	every := o.Style.Every
	if every <= 0 {
		every = time.Second / 10
	}
	t.done.Go(func() { t.run(every) })
	return t, nil
}

func (d *Display) newTerminal(o Options) *terminal {
	return &terminal{
		mu: &d.mu, record: d.record, style: o.Style, title: o.Title, begun: d.now(), now: d.now, out: o.Out,
		warned: map[string]bool{}, stop: make(chan struct{}),
	}
}

func (t *terminal) run(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.draw(false)
		case <-t.stop:
			t.draw(true)
			return
		}
	}
}

func (t *terminal) close() error {
	close(t.stop)
	t.done.Wait()
	return nil
}

// show handles only warnings, which would be lost with their step's block.
func (t *terminal) show(m message) {
	for _, w := range m.status.Warnings {
		t.warn(w)
	}
}

func (t *terminal) warn(w *client.VertexWarning) {
	if line := diag.Warningf("%s", oneLine(string(w.Short))).Shown(); !t.warned[line] {
		t.warned[line] = true
		t.note(line)
	}
}

func (t *terminal) note(text string) {
	for line := range strings.SplitSeq(printable.Text(text), "\n") {
		t.notes = append(t.notes, line)
	}
}

// draw writes the new notes permanently, and below them the current lanes, in place of those drawn before.
func (t *terminal) draw(final bool) {
	width, height := t.size()
	t.mu.Lock()
	f := frame{record: t.record, style: t.style, title: t.title, begun: t.begun, now: t.now(), height: height, final: final}
	rows := f.rows()
	notes := t.notes
	t.notes = nil
	t.mu.Unlock()
	if final && len(t.record.lanes) == 0 { // no step has begun, so nothing stays on the screen
		rows = nil
	}

	var b bytes.Buffer
	b.WriteString(aec.Hide.String())
	b.WriteString(aec.Up(uint(t.linesAt(width))).String() + "\r")
	for _, line := range notes {
		b.WriteString(line + aec.EraseLine(aec.EraseModes.Tail).String() + "\n")
	}
	t.drawn = t.drawn[:0]
	for _, r := range rows {
		text := r.fit(width - 1) // some terminals wrap after a full line
		t.drawn = append(t.drawn, runewidth.StringWidth(text))
		if r.colour != nil {
			text = r.colour.Apply(text)
		}
		b.WriteString(text + aec.EraseLine(aec.EraseModes.Tail).String() + "\n")
	}
	b.WriteString(aec.EraseDisplay(aec.EraseModes.Tail).String() + aec.Show.String())
	_, _ = t.out.Write(b.Bytes()) // a failed write to a closed terminal is not a reason to fail
}

// linesAt returns how many lines the last drawing takes on a terminal of this width: a narrower terminal has wrapped them.
func (t *terminal) linesAt(width int) int {
	n := 0
	for _, w := range t.drawn {
		n += max(1, (w+width-1)/width)
	}
	return n
}
