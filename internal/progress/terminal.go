package progress

import (
	"context"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
)

// Look is how a terminal's display looks.
type Look struct{}

// onTerminal shows the lanes on the terminal that is behind o.Out.
func (d *Display) onTerminal(ctx context.Context, o Options) (show, error) {
	display, err := progressui.NewDisplay(o.Out, progressui.TtyMode, progressui.WithDesc(o.Title, o.Title))
	if err != nil {
		return nil, ErrNoTerminal
	}
	t := &terminal{raw: raw{lanes: d.lanes}, ch: make(chan *client.SolveStatus), done: make(chan error, 1)}
	go func() {
		_, err := display.UpdateFrom(context.WithoutCancel(ctx), t.ch)
		t.done <- err
	}()
	return t, nil
}

type terminal struct {
	raw  raw
	ch   chan *client.SolveStatus
	done chan error
}

func (t *terminal) show(m message) { t.ch <- t.raw.relabel(m) }

func (t *terminal) note(line string) { t.ch <- said(line) }

func (t *terminal) close() error {
	close(t.ch)
	return <-t.done
}
