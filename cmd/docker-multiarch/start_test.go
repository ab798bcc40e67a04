package main

import (
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestWithoutACommandThreeCommandsAreShownThatExist(t *testing.T) {
	s := newHarness(t)
	if status := s.Command(); status != 0 {
		t.Fatalf("status %d", status)
	}
	shown := 0
	for line := range strings.Lines(s.Out.String()) {
		args, ok := strings.CutPrefix(line, "  docker-multiarch ")
		if !ok {
			continue
		}
		shown++
		cmd, rest, err := newRoot(s.Env, "docker-multiarch").Find(strings.Fields(args))
		if err != nil || !cmd.HasParent() || cmd.HasSubCommands() {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	if shown != 3 {
		t.Errorf("%d commands are shown:\n%s", shown, s.Out.String())
	}
}

func TestErrorsOfWordsEndWithACommand(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"bulid"}, []string{`unknown command "bulid": did you mean "build"?`, "docker-multiarch --help"}},
		{[]string{"builder", "creat"}, []string{`did you mean "create"?`, "docker-multiarch builder --help"}},
		{[]string{"build", "--plaform=linux/arm64", "."}, []string{"unknown flag: --plaform: did you mean --platform?", "docker-multiarch build --help"}},
		{[]string{"build", "--xyzzy", "."}, []string{"unknown flag: --xyzzy\n", "docker-multiarch build --help"}},
		{[]string{"build", "--platform"}, []string{"flag needs an argument: --platform", "docker-multiarch build --help"}},
		{[]string{"builder", "inspect", "a", "b"}, []string{"takes one builder at most", "docker-multiarch builder inspect --help"}},
		{[]string{"builder", "create", "--append"}, []string{"--append needs --name"}},
		{[]string{"builder", "create", "--node", "c"}, []string{"--node needs --name"}},
		{[]string{"builder", "rm", "--keep-daemon"}, []string{"--keep-daemon", "docker multiarch builder rm --keep-state"}},
		{[]string{"builder", "rm", "--all-inactive", "b"}, []string{"cannot specify builder name when --all-inactive is set"}},
		{[]string{"build", "--network", "x", "--push", "-t", "HOST/a", "."}, []string{"docker-multiarch build --help"}},
		{[]string{"builder", "ls", "--format", "{{.Name"}, []string{"unclosed action", "--format"}},
		{[]string{"builder", "du", "--verbose", "--format", "json"}, []string{"--format and --verbose cannot be used together"}},
		{[]string{"builder", "du", "--filter", "until=soon"}, []string{`"until" filter expects a duration`}},
		{[]string{"builder", "prune", "-f", "--filter", "until=1h", "--filter", "unused-for=1h"}, []string{`conflicting filters "until" and "unused-for"`}},
		{[]string{"builder", "stop", "a/b"}, []string{`invalid builder name "a/b"`, "docker-multiarch builder stop --help"}},
	} {
		s := newHarness(t)
		if status := s.Command(tt.args...); status != cli.ExitUsage {
			t.Errorf("%q: status %d", tt.args, status)
		}
		clitest.Contains(t, s.Err.String(), tt.want...)
	}
}
