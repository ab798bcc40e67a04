package atomicfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

func TestFilesThatAreRewrittenUnderALockLoseNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	name := filepath.Join(dir, "count")
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			err := Locked(t.Context(), filepath.Join(dir, ".lock"), func() error {
				text, _ := os.ReadFile(name)       // not there at first
				n, _ := strconv.Atoi(string(text)) // 0 at first
				return os.WriteFile(name, []byte(strconv.Itoa(n+1)), 0o600)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if text, err := os.ReadFile(name); err != nil || string(text) != "20" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestNobodyWaitsForALockAfterTheEndOfItsContext(t *testing.T) {
	t.Parallel()
	lock := filepath.Join(t.TempDir(), "lock")
	ctx, cancel := context.WithCancel(t.Context())
	failed := errors.New("failed")
	err := Locked(t.Context(), lock, func() error {
		cancel()
		if err := Locked(ctx, lock, func() error { t.Error("two have the lock"); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if err := Locked(t.Context(), lock, func() error { return nil }); err != nil {
		t.Error(err)
	}
}
