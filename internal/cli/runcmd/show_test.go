package runcmd

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestAStartErrorBecomesTheStatusOfDockerRun(t *testing.T) {
	start := func(words string) error { return &engine.StartError{Err: errors.New(words)} }
	for want, errs := range map[int][]error{
		ranNotFound:  {start(`exec: "x": executable file not found in $PATH`), start("stat /x: no such file or directory")},
		ranNoProgram: {start(`exec: "/etc": permission denied`), start("/etc: is a directory"), start("exec format error")},
		ranNot:       {start("no room"), errors.New("no such file or directory")},
		ranTooLong:   {&smoke.TimeoutError{After: time.Second}},
	} {
		for _, err := range errs {
			if got, words := exitStatus(err); got != want || words == "" {
				t.Errorf("%v: %d, want %d", err, got, want)
			}
		}
	}
}

func TestALineThatIsTooLongIsPassedOnInPieces(t *testing.T) {
	var out bytes.Buffer
	s := &runShow{width: 11}
	stream := s.stream(&out, platform.Platform{OS: "linux", Architecture: "arm64"})
	for range 3 {
		fmt.Fprint(stream, strings.Repeat("x", maxLine/2))
	}
	stream.flush()
	want := "linux/arm64 | " + strings.Repeat("x", maxLine) + "\nlinux/arm64 | " + strings.Repeat("x", maxLine/2) + "\n"
	if out.String() != want {
		t.Errorf("%d bytes, want %d", out.Len(), len(want))
	}
}
