package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/moby/buildkit/util/stack"
	"github.com/sirupsen/logrus"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestDebugShowsTheWayOfAnErrorAndTheLogs(t *testing.T) {
	before := logrus.StandardLogger().Out
	logrus.SetOutput(io.Discard)
	defer logrus.SetOutput(before)
	for _, flag := range []string{"", "-D", "DEBUG"} {
		s := newStage(t)
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
		if status := s.run(args...); status != exitFailed {
			t.Errorf("%s: status %d", flag, status)
		}
		for _, want := range []string{"debug_test.go", "a library speaks"} {
			if strings.Contains(s.err.String(), want) != (flag != "") {
				t.Errorf("%q and %q:\n%s", flag, want, s.err.String())
			}
		}
		contains(t, s.err.String(), "ERROR: ", "deadline exceeded")
	}
}

func TestABuilderAndDebugMayBeSaidBeforeTheCommandAsWithThePeer(t *testing.T) {
	s := newStage(t)
	var got connectOptions
	s.connecting = func(_ context.Context, o connectOptions) error { got = o; return nil }
	if status := s.run("--builder", "mine", "-D=false", "build", "-q", "--push", "-t", "HOST/app", "."); status != 0 || got.builder.name != "mine" {
		t.Errorf("status %d, builder %q:\n%s", status, got.builder.name, s.err.String())
	}
	if s.run("--builder", "mine", "build", "--builder", "other", "-q", "--push", "-t", "HOST/app", "."); got.builder.name != "other" {
		t.Errorf("builder %q", got.builder.name)
	}
}
