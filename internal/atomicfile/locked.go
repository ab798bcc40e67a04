package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Locked calls do while no other process does the same under this file, since several that read a file and rewrite it would lose what the
// others have written. The file and its folder are made, and stay.
func Locked(ctx context.Context, name string, do func() error) (err error) {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock := flock.New(name)
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return fmt.Errorf("lock %q: %w", dir, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	return do()
}
