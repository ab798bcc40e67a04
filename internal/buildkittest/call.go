package buildkittest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
)

// Call calls test with the gateway of a solve.
func Call(t *testing.T, b *Builder, test func(context.Context, gateway.Client)) {
	t.Helper()
	status := make(chan *client.SolveStatus)
	go func() {
		for range status {
		}
	}()
	opt := client.SolveOpt{FrontendAttrs: map[string]string{"platform": "linux/amd64"}}
	_, err := b.Build(t.Context(), opt, "", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		test(ctx, gw)
		return nil, errors.New("that is all")
	}, status)
	if err == nil || !strings.HasSuffix(err.Error(), "that is all") {
		t.Fatal(err)
	}
}
