package cli

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// PushRetry is the value of the flag for how long a push waits for a registry that is busy. The zero value is the client's own limit.
type PushRetry struct {
	given bool
	limit time.Duration
}

// AddPushRetryFlag adds the flag to the commands that push.
func AddPushRetryFlag(f *pflag.FlagSet, o *PushRetry) {
	f.Var(o, "push-retry-max-wait", "Longest time to wait for a busy registry before a push is given up (0: no retries)")
}

// String implements pflag.Value.
func (o *PushRetry) String() string {
	if !o.given {
		return manifest.DefaultMaxWait.String()
	}
	return o.limit.String()
}

// Set implements pflag.Value.
func (o *PushRetry) Set(text string) error {
	limit, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("use a duration such as 90s or 5m, or 0")
	}
	if limit < 0 {
		return errors.New("the duration is negative: use 0 for no retries")
	}
	o.given, o.limit = true, limit
	return nil
}

// Type implements pflag.Value.
func (o *PushRetry) Type() string { return "duration" }

// Client returns the client with the limit of the flag, if it was given. It must not have been used yet.
func (o *PushRetry) Client(c *manifest.Client) *manifest.Client {
	if !o.given || c == nil {
		return c
	}
	return c.WithMaxWait(o.limit)
}
