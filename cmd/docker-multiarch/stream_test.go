package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/explain"
)

// broken is standard output that fails after some writes: the disk is full, or the reader is gone.
type broken struct {
	errno syscall.Errno
	takes int
	got   bytes.Buffer
}

func (b *broken) Write(p []byte) (int, error) {
	if b.takes == 0 {
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: b.errno}
	}
	b.takes--
	return b.got.Write(p)
}

func TestAnAnswerThatCannotBeWrittenIsAnError(t *testing.T) {
	for _, tt := range []struct {
		args   string
		takes  int
		status int
		want   string
	}{
		{"version", 0, 1, `the answer of "docker-multiarch version" could not be written to standard output`},
		{"--help", 0, 1, "the answer of "},
		{"", 0, 1, `the answer of "docker-multiarch"`},
		{"plan --platform linux/amd64 -t HOST/app --push .", 0, 1, `the answer of "docker-multiarch plan"`},
		{"plan --platform linux/amd64 -t HOST/app --push .", 1, 1, `the answer of "docker-multiarch plan"`},
		{"plan --format json --platform linux/amd64 -t HOST/app --push .", 0, 1, `the answer of "docker-multiarch plan"`},
		{"build --platform linux/amd64 -t HOST/new --push -q .", 0, 1, "published " + "HOST/new@sha256:"},
		{"build --platform linux/amd64 -o type=oci,dest=- .", 0, 1, "no space left on device"},
		{"build --platform linux/amd64 -o type=tar,dest=- .", 0, 1, "no space left on device"},
		{"build --platform linux/amd64 -t HOST/new --push --report - .", 0, 1, "everything was built and delivered"},
		{"inspect HOST/app", 0, 1, `the answer of "docker-multiarch inspect"`},
		{"inspect HOST/app", 1, 1, `the answer of "docker-multiarch inspect"`},
		{"inspect --raw HOST/app", 0, 1, `the answer of "docker-multiarch inspect"`},
		{"inspect --format {{.Digest}} HOST/app", 0, 1, `the answer of "docker-multiarch inspect"`},
		{"manifest inspect HOST/app", 0, 1, `the answer of "docker-multiarch manifest inspect"`},
		{"verify HOST/app", 0, 2, `the answer of "docker-multiarch verify"`},
		{"verify --format json HOST/app", 0, 2, `the answer of "docker-multiarch verify"`},
		{"verify --expect linux/s390x HOST/app", 0, 2, `the answer of "docker-multiarch verify"`},
		{"manifest diff HOST/app HOST/app", 0, 2, `the answer of "docker-multiarch manifest diff"`},
		{"manifest merge -q -t HOST/merged HOST/app", 0, 1, "published "},
	} {
		t.Run(tt.args, func(t *testing.T) {
			s := newHarness(t)
			if status := s.Command("build", "--platform", "linux/amd64,linux/arm64", "-t", "HOST/app", "--push", "."); status != 0 {
				t.Fatal(s.Err.String())
			}
			full := &broken{errno: syscall.ENOSPC, takes: tt.takes}
			s.Env.Out, s.Err = cli.NewStream(full), clitest.Buffer{}
			s.Env.Err = cli.NewStream(&s.Err)
			if status := s.Command(strings.Fields(tt.args)...); status != tt.status {
				t.Errorf("status %d", status)
			}
			clitest.Contains(t, s.Err.String(), strings.ReplaceAll(tt.want, "HOST", s.Host), "no space left on device")
		})
	}
}

func TestAReaderThatHasGoneIsOnlyToldOfCompletedWork(t *testing.T) {
	s := newHarness(t)
	s.Env.Out = &broken{errno: syscall.EPIPE}
	if status := s.Command("version"); status != 141 || s.Err.String() != "" {
		t.Errorf("status %d: %s", status, s.Err.String())
	}
	s = newHarness(t)
	s.Env.Out = &broken{errno: syscall.EPIPE}
	if status := s.Command("build", "--platform", "linux/amd64", "-t", "HOST/app", "--push", "-q", "."); status != 1 {
		t.Errorf("status %d", status)
	}
	clitest.Contains(t, s.Err.String(), "published "+s.Host+"/app@"+s.Tagged("app"))
}

func TestTheErrorOfACommandIsNotHiddenByItsAnswers(t *testing.T) {
	w := &cli.Env{Streams: cli.Streams{Out: cli.NewStream(&broken{errno: syscall.ENOSPC})}}
	_, _ = w.Out.Write([]byte("x"))
	other := errors.New("another")
	if err := w.Answered("x", other); err != other { //nolint:errorlint // the same error value
		t.Error(err)
	}
	status := explain.Error(&bytes.Buffer{}, w.Answered("x", cli.Status(3)))
	if diff := cmp.Diff(3, status); diff != "" {
		t.Error(diff)
	}
}
