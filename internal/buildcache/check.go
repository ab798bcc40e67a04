package buildcache

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// Check makes BuildKit set up exports, which it does before it asks for a result, and then gives it no result: a missing bucket name is
// found now and not when everything is built.
func Check(ctx context.Context, n Node, to []Entry) error {
	opt, err := n.Options(nil)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range to {
		names = append(names, e.String())
		opt.CacheExports = append(opt.CacheExports, e.option())
	}
	accepted := errors.New("there is nothing to export yet")
	asked := false
	_, err = n.Solve(ctx, opt, func(context.Context, gateway.Client) (*gateway.Result, error) {
		asked = true
		return nil, accepted
	}, func(*client.SolveStatus) {}) // there are no steps
	if asked || err == nil {
		return nil
	}
	return fmt.Errorf("BuildKit cannot export the build cache to %s: %w", strings.Join(names, ", "), err)
}
