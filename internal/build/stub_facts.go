package build

import (
	"context"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

type PremiseError struct{}

func (*PremiseError) Error() string { return "" }
func rewritten(ctx context.Context, gw gateway.Client, res *gateway.Result, move func(*llb.Definition) (*llb.Definition, error)) (*gateway.Result, error) {
	return res, nil
}
func (s *solve) premises(ctx context.Context, gw gateway.Client) error { return nil }
