package manifest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// Backoff spaces the attempts of one piece of work at a registry, by the client's [Retry]. The work may take long, so its own time does
// not count: the pauses together, and what the registry was silent for ([Backoff.Waited]), are at most [Retry.MaxWait].
type Backoff struct {
	client  *Client
	attempt int
	waited  time.Duration
}

// Backoff returns a new Backoff, for work that this client does or that another program does, such as a push by BuildKit.
func (c *Client) Backoff() *Backoff { return &Backoff{client: c} }

// Off reports whether the policy allows one attempt only.
func (b *Backoff) Off() bool { return b.client.opt.Retry.MaxWait < 0 }

// Waited counts time in which the registry was silent, as if it were a pause.
func (b *Backoff) Waited(silence time.Duration) { b.waited += silence }

// Silence returns how long a registry may be silent in work that another program does, after it has received that many bytes. It is
// twice the client's own bound: the other program starts a blob again from its beginning.
func (c *Client) Silence(received int64) time.Duration { return 2 * c.opt.Retry.commit(received) }

// Wait waits before work at a repository is done again that another program has failed at for the reason last. It asks the registry
// for how long, by one small request, since the other program does not pass on a Retry-After. before gets the pause when it begins.
//
// An error means that the work is not to be done again: the policy allows no more waiting, or the context has ended. It wraps last.
func (b *Backoff) Wait(ctx context.Context, repo reference.Named, last error, before func(time.Duration)) error {
	if b.Off() {
		return last
	}
	return b.wait(ctx, b.client.askedWait(ctx, repo), last, before)
}

// wait is Wait for a registry that asks for a pause; 0: it asks for none.
func (b *Backoff) wait(ctx context.Context, asked time.Duration, last error, before func(time.Duration)) error {
	if b.Off() {
		return last
	}
	policy := b.client.opt.Retry
	b.attempt++
	delay, why, ok := policy.pause(b.attempt, asked, policy.MaxWait-b.waited)
	if !ok {
		return &gaveUpError{attempts: b.attempt, why: why, last: last}
	}
	before(delay)
	if err := b.client.opt.Clock.Sleep(ctx, delay); err != nil {
		return &gaveUpError{attempts: b.attempt, last: last, ctx: err}
	}
	b.waited += delay
	return nil
}

// absent is the digest of a blob that no repository has.
var absent = digest.FromString("docker multiarch asks whether a registry is busy")

// askedWait asks a registry for a blob that it does not have, once, and returns how long it asks to wait; 0 if it does not.
func (c *Client) askedWait(ctx context.Context, repo reference.Named) time.Duration {
	r, err := c.repository(repo)
	if err != nil {
		return 0
	}
	ctx, cancel := withPatience(ctx, c.opt.PushCheck)
	defer cancel()
	target := "https://" + r.endpoint.host() + "/v2/" + r.Reference.Repository + "/blobs/" + absent.String()
	req, err := http.NewRequestWithContext(once(r.pushScope(ctx)), http.MethodHead, target, nil)
	if err != nil {
		return 0
	}
	resp, err := r.endpoint.send(req)
	if err != nil {
		return 0
	}
	defer discard(resp)
	if !registryhttp.IsMomentary(resp.StatusCode) {
		return 0
	}
	wait, _ := registryhttp.RetryAfter(resp.Header, c.opt.Clock.Now())
	return wait
}

// pause returns the pause after the given attempt, the first being 1. asked is the pause that the registry asks for; 0: none. ok is
// false if the pause is longer than left; why is not empty if the registry asks for it.
func (r Retry) pause(attempt int, asked, left time.Duration) (delay time.Duration, why string, ok bool) {
	delay = r.delay(attempt)
	if asked > 0 {
		delay = asked
	}
	if delay <= left {
		return delay, "", true
	}
	switch {
	case asked > r.MaxWait:
		why = fmt.Sprintf("the registry asks for a wait of %s, longer than the %s allowed", asked.Round(time.Second), r.MaxWait)
	case asked > 0:
		why = fmt.Sprintf("the registry asks for a wait of %s more, which would be longer than the %s allowed in all", asked.Round(time.Second), r.MaxWait)
	}
	return delay, why, false
}

// askedIn returns how long the registry whose answer is in err asks to wait; 0 if it does not.
func (c *Client) askedIn(err error) time.Duration {
	var answer *answerError
	if !errors.As(err, &answer) {
		return 0
	}
	wait, _ := registryhttp.RetryAfter(answer.header, c.opt.Clock.Now())
	return wait
}
