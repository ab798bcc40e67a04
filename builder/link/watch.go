package link

import (
	"context"
	"fmt"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
)

// pace is the pace of a link's watch. Time is counted in ticks, so that the time in which this process
// itself was stopped, or its machine asleep, does not count.
type pace struct {
	tick     time.Duration
	quiet    int // ticks without data before BuildKit is asked
	patience int // ticks that the answer may take
}

// patient has limits that a machine under load can keep. A BuildKit that has stopped is known as such within 30 seconds, those of another
// connection (see Link.Return) among them.
var patient = pace{tick: time.Second, quiet: 3, patience: 20} //nolint:gochecknoglobals // a constant

// watch ends the connection when BuildKit has stopped answering. A BuildKit that sends anything is alive.
func (l *Link) watch(ctx context.Context, p pace) {
	ticks := time.NewTicker(p.tick)
	defer ticks.Stop()
	seen, silent := uint64(0), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		received, connected := l.line.sign()
		if received != seen || !connected {
			seen, silent = received, 0
			continue
		}
		silent++
		switch silent {
		case p.quiet:
			go l.ask(ctx)
		case p.quiet + p.patience:
			l.line.end(fmt.Errorf("BuildKit did not answer for %s", time.Duration(p.patience)*p.tick))
			return
		}
	}
}

// ask requests something that BuildKit answers at once. The answer is seen by the watch as data that
// arrives.
func (l *Link) ask(ctx context.Context) {
	_, _ = l.Client.ControlClient().Info(ctx, &controlapi.InfoRequest{})
}
