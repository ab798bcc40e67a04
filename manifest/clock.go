package manifest

import (
	"context"
	"time"
)

// Clock is the time that waits are measured by. A nil function is the real one.
type Clock struct {
	Now func() time.Time
	// Sleep returns after d, or with the context's cause as soon as the context ends.
	Sleep func(ctx context.Context, d time.Duration) error
}

func (c Clock) withDefaults() Clock {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = Sleep
	}
	return c
}

// Sleep waits for so long, or until the context ends, and then gives its cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
