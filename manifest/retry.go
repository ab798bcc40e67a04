package manifest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// Retry is the policy for requests that a registry could not serve for the moment: 408, 425, 429, 5xx other than 501 and 505, a
// connection that was reset or ended early, a registry that fell silent, and, from a registry that has answered before, a
// connection that could not be made. Every other answer is final. The zero value is the default.
type Retry struct {
	// MaxWait bounds the time from the first attempt of a request to the start of its last one, and the pauses of work that takes
	// long ([Backoff]); zero means two minutes. A registry that asks for a longer wait (Retry-After) is not waited for. Negative:
	// one attempt only.
	MaxWait time.Duration
	// FirstDelay is the pause after the first attempt; it doubles each time, up to MaxDelay. Each pause is shortened by a
	// random part of up to a half, so that many clients do not come back together. Zero means 500 milliseconds, 15 seconds.
	FirstDelay, MaxDelay time.Duration
	// Silence is how long a registry may neither send nor receive in one attempt; zero means 30 seconds. For the answer to a
	// large blob, which the registry may have to move or copy, it has as long again for each 256 MiB, up to 20 times as long.
	Silence time.Duration
	// Random returns a number in [0,1) for the pauses; nil means math/rand.
	Random func() float64
}

// DefaultMaxWait is the value of [Retry.MaxWait] for which zero stands.
const DefaultMaxWait = 2 * time.Minute

func (r Retry) withDefaults() Retry {
	if r.MaxWait == 0 {
		r.MaxWait = DefaultMaxWait
	}
	if r.FirstDelay <= 0 {
		r.FirstDelay = 500 * time.Millisecond
	}
	if r.MaxDelay <= 0 {
		r.MaxDelay = 15 * time.Second
	}
	if r.Silence <= 0 {
		r.Silence = 30 * time.Second
	}
	if r.Random == nil {
		r.Random = rand.Float64
	}
	return r
}

// delay returns the pause after the given attempt, the first being 1.
func (r Retry) delay(attempt int) time.Duration {
	d := r.FirstDelay
	for i := 1; i < attempt && d < r.MaxDelay; i++ {
		d *= 2
	}
	d = min(d, r.MaxDelay)
	return d - time.Duration(r.Random()*float64(d/2))
}

// The registry gets one more silence per so many bytes, up to a maximum number.
const (
	commitBytes = 256 << 20
	maxCommit   = 20
)

// commit returns how long a registry may take to answer after it has received a body of that many bytes.
func (r Retry) commit(size int64) time.Duration {
	return r.Silence * time.Duration(min(1+size/commitBytes, maxCommit))
}

// retryTransport repeats requests to one registry by its policy.
type retryTransport struct {
	base        http.RoundTripper
	registry    string
	policy      Retry
	clock       Clock
	report      func(Wait)
	answered    atomic.Bool  // the registry has answered something
	failedHosts *failedHosts // shared by all requests to the registry
}

// over returns the same transport on top of another one.
func (t *retryTransport) over(base http.RoundTripper) *retryTransport {
	return &retryTransport{base: base, registry: t.registry, policy: t.policy, clock: t.clock, report: t.report, failedHosts: t.failedHosts}
}

// gaveUpError is the error after several attempts.
type gaveUpError struct {
	attempts int
	why      string // empty when the time was up
	last     error  // the error of the last attempt
	ctx      error  // why the context ended while waiting, if it did
}

func (e *gaveUpError) Error() string {
	text := fmt.Sprintf("%s (attempt %d", strings.TrimSpace(e.last.Error()), e.attempts)
	if e.why != "" {
		text += "; " + e.why
	}
	return text + ")"
}

func (e *gaveUpError) Unwrap() []error {
	if e.ctx != nil {
		return []error{e.last, e.ctx}
	}
	return []error{e.last}
}

// RoundTrip sends the request until there is a final answer. Bodies up to a manifest's size are read before it returns, so that a
// body that breaks off is repeated as well. A host that was given up recently is not asked.
func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	start := t.clock.Now()
	if err := t.failedHosts.refuse(req.URL.Host, start); err != nil {
		return nil, err
	}
	resp, err := t.repeat(req, start)
	switch gave := (*gaveUpError)(nil); {
	case errors.As(err, &gave) && gave.ctx == nil:
		t.failedHosts.giveUp(req.URL.Host, start, t.clock.Now(), t.policy.MaxWait, err)
	case err == nil && !registryhttp.IsMomentary(resp.StatusCode):
		t.failedHosts.answers(req.URL.Host, t.clock.Now())
	}
	return resp, err
}

func (t *retryTransport) repeat(req *http.Request, start time.Time) (*http.Response, error) {
	ctx := req.Context()
	for attempt := 1; ; attempt++ {
		resp, err := t.attempt(req)
		again, reason := t.transient(ctx, resp, err)
		if !again || t.policy.MaxWait < 0 || !repeatable(req) {
			return resp, err
		}
		asked := time.Duration(0)
		if resp != nil {
			asked, _ = registryhttp.RetryAfter(resp.Header, t.clock.Now())
		}
		delay, why, ok := t.policy.pause(attempt, asked, t.policy.MaxWait-t.clock.Now().Sub(start))
		switch {
		case ok:
			t.report(Wait{Registry: t.registry, Reason: reason.Error(), Delay: delay})
			discard(resp)
			sleepErr := t.clock.Sleep(ctx, delay)
			if sleepErr == nil {
				continue
			}
			return nil, &gaveUpError{attempts: attempt, last: reason, ctx: sleepErr}
		case why == "" && attempt == 1:
			return resp, err
		}
		discard(resp)
		return nil, &gaveUpError{attempts: attempt, why: why, last: reason}
	}
}

// transient reports whether an attempt's result is worth another attempt, with its description.
func (t *retryTransport) transient(ctx context.Context, resp *http.Response, err error) (bool, error) {
	switch {
	case ctx.Err() != nil:
		return false, nil
	case err != nil:
		return isTransient(err) || t.answered.Load() && isDial(err), err
	}
	t.answered.Store(true)
	if !registryhttp.IsMomentary(resp.StatusCode) {
		return false, nil
	}
	return true, responseError(resp)
}

// errSilent ends an attempt that takes too long.
var errSilent = errors.New("the registry does not answer")

// Clock measures waits. A nil function is the real one.
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

// Sleep waits for d, or until the context ends, and then returns the context's cause.
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
