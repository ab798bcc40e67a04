package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/moby/buildkit/util/stack"
	"github.com/sirupsen/logrus"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestDebugShowsTheWayOfAnErrorAndTheLogs(t *testing.T) {
	before := logrus.StandardLogger().Out
	logrus.SetOutput(io.Discard)
	defer logrus.SetOutput(before)
	for _, flag := range []string{"", "-D", "DEBUG"} {
		s := newHarness(t)
		s.Run = func(context.Context, platform.Platform) error {
			logrus.Info("a library speaks")
			return stack.Enable(context.DeadlineExceeded)
		}
		args := []string{"build", "--push", "-t", "HOST/app", "."}
		switch flag {
		case "-D":
			args = append(args, flag)
		case "DEBUG":
			t.Setenv("DEBUG", "1")
		}
		if status := s.Command(args...); status != cli.ExitFailed {
			t.Errorf("%s: status %d", flag, status)
		}
		for _, want := range []string{"debug_test.go", "a library speaks"} {
			if strings.Contains(s.Err.String(), want) != (flag != "") {
				t.Errorf("%q and %q:\n%s", flag, want, s.Err.String())
			}
		}
		clitest.Contains(t, s.Err.String(), "ERROR: ", "deadline exceeded")
	}
}

func TestABuilderAndDebugMayBeSaidBeforeTheCommandAsWithThePeer(t *testing.T) {
	s := newHarness(t)
	var got cli.ConnectOptions
	s.Connecting = func(_ context.Context, o cli.ConnectOptions) error { got = o; return nil }
	if status := s.Command("--builder", "mine", "-D=false", "build", "-q", "--push", "-t", "HOST/app", "."); status != 0 || got.Builder.Name != "mine" {
		t.Errorf("status %d, builder %q:\n%s", status, got.Builder.Name, s.Err.String())
	}
	if s.Command("--builder", "mine", "build", "--builder", "other", "-q", "--push", "-t", "HOST/app", "."); got.Builder.Name != "other" {
		t.Errorf("builder %q", got.Builder.Name)
	}
}
