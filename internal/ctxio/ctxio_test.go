package ctxio_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
)

var errEnough = errors.New("enough")

func TestAReadEndsWithTheContextThoughNothingComes(t *testing.T) {
	silent, writer := io.Pipe()
	t.Cleanup(func() { _ = writer.Close() })
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Millisecond, func() { cancel(errEnough) })
	r := ctxio.Reader(ctx, silent)
	for range 2 {
		if n, err := r.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errEnough) {
			t.Errorf("got %d bytes, %v", n, err)
		}
	}
}

func TestBetweenReadsTheContextIsLookedAt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	readers := map[string]io.Reader{
		"in the middle": ctxio.Reader(ctx, strings.NewReader("ab")), "between reads": ctxio.BetweenReads(ctx, strings.NewReader("ab")),
	}
	for name, r := range readers {
		if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("%s: got %d bytes, %v", name, n, err)
		}
	}
	cancel(errEnough)
	for name, r := range readers {
		if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, errEnough) {
			t.Errorf("%s: after the end: %d bytes, %v", name, n, err)
		}
	}
}

func TestAFileThatIsThereIsOpenedAtOnce(t *testing.T) {
	f, err := ctxio.Open(t.Context(), os.DevNull, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ctxio.Open(t.Context(), t.TempDir()+"/none", os.O_RDONLY); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSilenceIsCountedFromWhatWasHeardLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, heard, end := ctxio.WithIdleTimeout(t.Context(), time.Minute)
		defer end()
		r := ctxio.OnRead(strings.NewReader("ab"), heard)
		for range 2 {
			time.Sleep(59 * time.Second)
			if _, err := r.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(59 * time.Second)
		if err := context.Cause(ctx); err != nil {
			t.Errorf("ended while something came: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := context.Cause(ctx); err == nil || err.Error() != "nothing has come for 1m0s" {
			t.Errorf("got %v", err)
		}
	})
}
