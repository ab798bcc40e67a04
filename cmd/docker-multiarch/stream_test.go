package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// broken is standard output on a disk that is full after some writes, or before a reader that has gone.
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
			s := newStage(t)
			if status := s.run("build", "--platform", "linux/amd64,linux/arm64", "-t", "HOST/app", "--push", "."); status != 0 {
				t.Fatal(s.err.String())
			}
			full := &broken{errno: syscall.ENOSPC, takes: tt.takes}
			s.w.out, s.err = newStream(full), buffer{}
			s.w.err = newStream(&s.err)
			if status := s.run(strings.Fields(tt.args)...); status != tt.status {
				t.Errorf("status %d", status)
			}
			contains(t, s.err.String(), strings.ReplaceAll(tt.want, "HOST", s.host), "no space left on device")
		})
	}
}

func TestAReaderThatHasGoneIsToldOfNothingButWhatWasDone(t *testing.T) {
	s := newStage(t)
	s.w.out = &broken{errno: syscall.EPIPE}
	if status := s.run("version"); status != 141 || s.err.String() != "" {
		t.Errorf("status %d: %s", status, s.err.String())
	}
	s = newStage(t)
	s.w.out = &broken{errno: syscall.EPIPE}
	if status := s.run("build", "--platform", "linux/amd64", "-t", "HOST/app", "--push", "-q", "."); status != 1 {
		t.Errorf("status %d", status)
	}
	contains(t, s.err.String(), "published "+s.host+"/app@"+s.tagged("app"))
}

func TestTheErrorOfACommandIsNotHiddenByItsAnswers(t *testing.T) {
	w := &world{streams: streams{out: newStream(&broken{errno: syscall.ENOSPC})}}
	_, _ = w.out.Write([]byte("x"))
	other := errors.New("another")
	if err := w.answered("x", other); err != other { //nolint:errorlint // the very error
		t.Error(err)
	}
	status := explain(&bytes.Buffer{}, w.answered("x", callStatus(3)))
	if diff := cmp.Diff(3, status); diff != "" {
		t.Error(diff)
	}
}
