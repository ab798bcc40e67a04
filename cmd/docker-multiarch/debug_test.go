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
