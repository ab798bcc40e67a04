package explain

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

func TestExplainGivesTheDocumentedStatuses(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
		text string
	}{
		{nil, 0, ""},
		{errors.New("boom"), 1, "ERROR: boom\n"},
		{&solve.FailedError{Platforms: []solve.PlatformReport{{Err: errors.New("boom")}}}, 1, "ERROR: "},
		{preflight.Refused(errors.New("boom")), 1, "ERROR: boom\n"},
		{&index.PushError{Err: errors.New("boom")}, 4, "ERROR: boom\n"},
		{&index.PushError{Err: &manifest.Error{Kind: manifest.ErrMediaType, Err: errors.New("boom")}}, 4, "ERROR: : registry \"\" (): boom\nHint: use --media-types docker"},
		{&cli.Usage{Err: errors.New("boom"), Hint: "do this"}, 125, "ERROR: boom\nHint: do this\n"},
		{&cli.Hinted{Err: errors.New("boom"), Hint: "do this"}, 1, "ERROR: boom\nHint: do this\n"},
	} {
		var out strings.Builder
		if got := Error(&out, tt.err); got != tt.want || !strings.HasPrefix(out.String(), tt.text) {
			t.Errorf("%v: status %d, want %d; %q", tt.err, got, tt.want, out.String())
		}
	}
}

func TestAReaderThatHasGoneAwayEndsTheProgramAsShellsExpect(t *testing.T) {
	var printed bytes.Buffer
	if status := Error(&printed, &sink.OutputError{Dest: "-", Err: syscall.EPIPE}); status != 141 || printed.Len() > 0 {
		t.Errorf("status %d, said %q", status, &printed)
	}
}
