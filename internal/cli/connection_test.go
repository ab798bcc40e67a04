package cli_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/failure"
)

func TestALostBuilderIsExplainedByItsEnd(t *testing.T) {
	t.Parallel()
	for hint, why := range map[string]error{"run the build again": errors.New("its container ended with status 137"), "more memory": builder.ErrOutOfMemory} {
		c := cli.Connection{Nodes: []*builder.Node{{Abilities: builder.Abilities{Lost: func(context.Context) error { return why }}}}}
		err := c.Explained(t.Context(), status.Error(codes.Unavailable, "error reading from server: EOF"))
		hinted, ok := errors.AsType[*cli.Hinted](err)
		if !ok || !strings.Contains(hinted.Hint, hint) || !strings.Contains(err.Error(), why.Error()) {
			t.Errorf("%v: %v", why, err)
		}
	}
	lost := &failure.LostNodeError{Node: "n", Err: fmt.Errorf("pod/x: %w", builder.ErrOutOfMemory)}
	if hinted, ok := errors.AsType[*cli.Hinted](new(cli.Connection).Explained(t.Context(), lost)); !ok || !strings.Contains(hinted.Hint, "limits.memory") {
		t.Errorf("got %v", hinted)
	}
	if other := errors.New("failed to solve"); new(cli.Connection).Explained(t.Context(), other) != other { //nolint:errorlint // the same
		t.Error("an error of the build is changed")
	}
}
