package manifest

import (
	"context"
	"time"
)

// Pauses between two looks at a registry that does not show yet what was written to it.
const (
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

// settled looks until a registry shows what was just written, at most for Options.Settle: look returns true when it is there.
// The result is false when the time was up; an error of look or the end of the context ends it at once.
func (c *Client) settled(ctx context.Context, registry, what string, look func(context.Context) (bool, error)) (bool, error) {
	var waited time.Duration
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		if ok, err := look(ctx); ok || err != nil {
			return ok, err
		}
		if waited >= c.opt.Settle {
			return false, nil
		}
		pause = min(pause, c.opt.Settle-waited)
		c.opt.Report(Wait{Registry: registry, Reason: "it does not show " + what + " yet", Delay: pause})
		if err := c.opt.Clock.Sleep(ctx, pause); err != nil {
			return false, err
		}
		waited += pause
	}
}
