package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/engine/enginetest"
)

func TestFilesOnlyAreNoImageToBeTested(t *testing.T) {
	s := newHarness(t)
	if status := s.Command("build", "-o", "type=local,dest=out", "--test", "x", "."); status != cli.ExitUsage || s.Connects != 0 {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "--test needs an image", "Hint: add --push, --load")
}

func TestATestThatFailsIsShownAgainAtTheEnd(t *testing.T) {
	s := newHarness(t)
	s.Write("tests.yaml", "- name: first\n  command: one\n- name: second\n  command: two\n  platforms: linux/arm64\n")
	s.engine(func(c *enginetest.Container, cmd []string, _ io.Reader, stdout, _ io.Writer) int {
		fmt.Fprintf(stdout, "%s on %s\n", cmd[0], machine(c))
		return map[string]int{"arm64": 1}[machine(c)]
	})
	status := s.Command("build", "-q", "--push", "-t", "HOST/app:1", "--platform", "linux/amd64,linux/arm64", "--test-file", "tests.yaml", ".")
	if status != cli.ExitFailed || s.Tagged("app:1") != "" {
		t.Errorf("status %d, the tag names %q", status, s.Tagged("app:1"))
	}
	said := s.Err.String()
	clitest.Contains(t, said, "[test first] one", "linux/arm64 | one on arm64", "[test second] two", "linux/arm64 | two on arm64",
		`ERROR: linux/arm64: test "first": exit status 1, expected 0`+"\n"+`  test "second": exit status 1, expected 0`)
	if strings.Contains(said, "on amd64") {
		t.Errorf("what has passed is shown, too:\n%s", said)
	}
}

func TestAFileOfTestsIsRefusedWithItsNameAndLine(t *testing.T) {
	s := newHarness(t)
	for text, want := range map[string]string{
		"- command: x\n  comand: y\n":        `ERROR: tests.yaml:2: unknown key "comand"`,
		"- command: x\n- platforms: s390x\n": "ERROR: tests.yaml:2: linux/s390x is not one of the requested platforms: linux/amd64",
		"- name: a\n\n- name: a\n":           `ERROR: tests.yaml:3: there are two tests "a"`,
		"":                                   "ERROR: tests.yaml: the file has no tests",
	} {
		s.Write("tests.yaml", text)
		s.Err = clitest.Buffer{}
		if status := s.Command("build", "--push", "-t", "HOST/app", "--platform", "linux/amd64", "--test-file", "tests.yaml", "."); status != cli.ExitUsage || s.Connects != 0 {
			t.Errorf("%q: status %d, and the builder was asked for %d times", text, status, s.Connects)
		}
		clitest.Contains(t, s.Err.String(), want)
	}
}
