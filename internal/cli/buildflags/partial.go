package buildflags

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// PartialOptions are the flags about failing platforms, as the user wrote them.
type PartialOptions struct {
	allowed  []string
	failFast bool
	retry    int
}

// retryPause is the pause before a retry. A short disturbance ends, and the builder forgets the failure.
const retryPause = time.Second

// AddPartialFlags adds the flags about failing platforms.
func AddPartialFlags(f *pflag.FlagSet, o *PartialOptions) {
	f.StringArrayVar(&o.allowed, "allow-partial", nil, "Platforms that may fail without failing the build (comma-separated; exit status 3)")
	f.IntVar(&o.retry, "retry", 0, "Number of retries for a failed platform (at least one after an emulator crash)")
	f.BoolVar(&o.failFast, "fail-fast", false, "Stop all platforms as soon as one fails")
}

// Into parses the flags into a request that has its platforms.
func (o PartialOptions) Into(r *solve.Request) (notes []string, err error) {
	if o.retry < 0 {
		return nil, fmt.Errorf("--retry %d is negative: use a number of retries, or 0", o.retry)
	}
	r.FailFast, r.Retry, r.RetryPause = o.failFast, o.retry, retryPause
	if len(o.allowed) == 0 {
		return nil, nil
	}
	if r.AllowPartial, notes, err = platform.Parse(cli.LocalPlatform(o.allowed)...); err != nil {
		return nil, fmt.Errorf("--allow-partial: %w", err)
	}
	for _, p := range r.AllowPartial {
		if !platform.Contains(r.Platforms, p) {
			return nil, fmt.Errorf("--allow-partial: %w", notBuilt(p, r.Platforms))
		}
	}
	if len(r.AllowPartial) == len(r.Platforms) {
		return nil, errors.New("--allow-partial has all requested platforms: leave out at least one, which must then succeed")
	}
	return notes, nil
}
