package progress

import (
	"errors"
	"testing"

	solvererrdefs "github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// failing is the step of the recording that fails, for linux/arm64.
func failing(t *testing.T) digest.Digest {
	t.Helper()
	for _, r := range recording(t) {
		if r.Status == nil {
			continue
		}
		for _, v := range r.Status.Vertexes {
			if v.Error != "" {
				return v.Digest
			}
		}
	}
	t.Fatal("no step fails")
	return ""
}

func solveError(d digest.Digest) error {
	at := []*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 2}}}
	src := &solvererrdefs.Source{Info: &pb.SourceInfo{Filename: "Dockerfile", Data: []byte("FROM alpine\nRUN make\n")}, Ranges: at}
	err := solvererrdefs.WithSource(solvererrdefs.WithSource(errors.New("exit code: 1"), src), src)
	if d == "" {
		return err
	}
	return solvererrdefs.WrapVertex(err, d)
}

func TestAFailedPlatformsLastLinesAreSaidAgainWithThePlaceInTheDockerfile(t *testing.T) {
	_, d := replayed(t, Options{Mode: Quiet})
	var out buffer
	d.Failures(&out, []Failure{{Platform: three(t)[2], Err: solveError(failing(t))}})
	golden(t, "failure.txt", out.String())
}

func TestPlatformsThatFailAlikeAreSaidOnce(t *testing.T) {
	_, d := replayed(t, Options{Mode: Quiet})
	var out buffer
	all := three(t)
	d.Failures(&out, []Failure{{Platform: all[0], Err: solveError("")}, {Platform: all[1], Err: solveError("")}, {Platform: all[2], Err: solveError(failing(t))}})
	golden(t, "failures.txt", out.String())
}

func TestAFailureWithoutOutputOrPlaceIsLeftToItsError(t *testing.T) {
	_, d := replayed(t, Options{Mode: Quiet})
	var out buffer
	d.Failures(&out, []Failure{{Platform: three(t)[0], Err: errors.New("the registry said no")}})
	if out.String() != "" {
		t.Errorf("%q", out.String())
	}
}

func TestTheEndOfAnOutputIsShownAsByATerminal(t *testing.T) {
	var s tail
	for range 10 * tailBytes {
		s.write([]byte("x\n"))
	}
	s.write([]byte("\x1b[31mred\x1b[0m\n10%\r20%\r\nno end"))
	got := s.last(4)
	if len(got) != 4 || got[0] != "x" || got[1] != "red" || got[2] != "20%" || got[3] != "no end" {
		t.Errorf("%q", got)
	}
	if cap(s.buf) > 4*tailBytes {
		t.Errorf("it keeps %d bytes", cap(s.buf))
	}
}
