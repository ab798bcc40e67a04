package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// lock waits for the folder's other writers. They remove the lock's file with the lock, so a lock is valid only while its file is
// the one under that name.
func (d *folder) lock(ctx context.Context) (func() error, error) {
	name := d.file(ocispecs.ImageIndexFile + ".lock")
	for {
		lock := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR))
		if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
			return nil, fmt.Errorf("lock %q: %w", name, errors.Join(err, lock.Close()))
		}
		held, err := lock.Stat()
		if err != nil {
			return nil, errors.Join(err, lock.Close())
		}
		if named, err := os.Stat(name); err == nil && os.SameFile(held, named) {
			return func() error {
				_ = os.Remove(name) // Windows removes no open file; a file that stays does no harm
				return lock.Close()
			}, nil
		}
		if err := lock.Close(); err != nil {
			return nil, err
		}
	}
}

// undoTimeout bounds the wait for another writer's turn.
const undoTimeout = 5 * time.Second

// undo removes the created files and folders, last first. A folder that another writer has put files into stays.
func (d *folder) undo(ctx context.Context) error {
	if len(d.made) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	now, _ := os.ReadFile(d.file(ocispecs.ImageIndexFile))
	mine := bytes.Equal(now, d.index)
	var errs []error
	var folders []string
	for i := len(d.made) - 1; i >= 0 && mine; i-- {
		if info, err := os.Lstat(d.made[i]); err == nil && info.IsDir() {
			folders = append(folders, d.made[i])
			continue
		}
		errs = append(errs, os.Remove(d.made[i]))
	}
	errs = append(errs, unlock()) // its file is in the folder
	for _, dir := range folders {
		err := os.Remove(dir)
		if entries, readErr := os.ReadDir(dir); err != nil && readErr == nil && len(entries) > 0 {
			continue
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
