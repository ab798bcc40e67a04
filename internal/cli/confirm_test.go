package cli_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNothingIsRemovedWithoutAYes(t *testing.T) {
	for in, want := range map[string]bool{"y\n": true, "Y\n": true, "n\n": false, "": false, "yes\n": false, "\n": false} {
		s := clitest.New(t, nil)
		s.Env.In = strings.NewReader(in)
		got, err := cli.Confirm(t.Context(), s.Env, "Sure?", false)
		if got != want || err != nil {
			t.Errorf("%q: %t, %v", in, got, err)
		}
		clitest.Contains(t, s.Err.String(), "Sure? [y/N] ")
	}
	s := clitest.New(t, nil)
	if ok, _ := cli.Confirm(t.Context(), s.Env, "Sure?", true); !ok || s.Err.String() != "" {
		t.Error("who forces it is asked")
	}
}

func TestAnInterruptIsNoAnswer(t *testing.T) {
	s := clitest.New(t, nil)
	silent, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	s.Env.In = silent
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if yes, err := cli.Confirm(ctx, s.Env, "Sure?", false); yes || !errors.Is(err, interrupted) {
		t.Errorf("%t, %v", yes, err)
	}
}
