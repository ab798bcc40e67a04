package manifest

import (
	"context"
	"fmt"
	"time"
)

// patience bounds an operation by time, but for that in which the user's credentials are asked for: a helper may be asking a person.
type patience struct {
	timer *time.Timer
	limit time.Duration
}

type patienceKey struct{}

// withPatience ends the context when the limit is over.
func withPatience(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{limit: limit}
	p.timer = time.AfterFunc(limit, func() { cancel(fmt.Errorf("%w within %s", errSilent, limit)) })
	return context.WithValue(ctx, patienceKey{}, p), func() {
		p.timer.Stop()
		cancel(nil)
	}
}

// pause stops the time of the context's patience, if it has one, until resume is called; then all of it begins anew.
func pause(ctx context.Context) (resume func()) {
	p, ok := ctx.Value(patienceKey{}).(*patience)
	if !ok || !p.timer.Stop() {
		return func() {}
	}
	return func() { p.timer.Reset(p.limit) }
}
