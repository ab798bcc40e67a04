package draft

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
)

// Store is the directory of the drafts. It is created by the first write.
type Store struct {
	Dir string
}

// CorruptError means that a draft could not be read. It has the file's new path.
type CorruptError struct {
	List string // in the user's spelling
	Path string // the new path of the file
	Err  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the draft of %q cannot be read (%v): it was renamed to %q", e.List, e.Err, e.Path)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// Read reads a draft. The error is [ErrNone] if there is none, and a [*CorruptError] if there was one.
func (s Store) Read(ctx context.Context, list reference.NamedTagged) (Draft, error) {
	d, err := s.read(list)
	if !errors.As(err, new(*damage)) {
		return d, err
	}
	if err := s.Update(ctx, list, func(d *Draft) (*Draft, error) { return d, nil }); err != nil {
		return Draft{}, err
	}
	return s.read(list) // another program has repaired it
}

// Update changes a draft under the store's lock. change gets the draft, or nil, and returns the new one, or nil. A draft that
// could not be read is renamed first. Update then returns a [*CorruptError] without calling change.
func (s Store) Update(ctx context.Context, list reference.NamedTagged, change func(*Draft) (*Draft, error)) error {
	return atomicfile.Locked(ctx, filepath.Join(s.Dir, ".lock"), func() error { return s.update(list, change) })
}

func (s Store) update(list reference.NamedTagged, change func(*Draft) (*Draft, error)) error {
	old, err := s.read(list)
	var broken *damage
	switch {
	case errors.As(err, &broken):
		return s.putAside(list, broken)
	case err != nil && !errors.Is(err, ErrNone):
		return err
	}
	before := &old
	if err != nil {
		before = nil
	}
	after, err := change(before)
	switch {
	case err != nil:
		return err
	case after == nil && before == nil:
		return nil
	case after == nil:
		return os.Remove(s.path(list))
	}
	after.Version, after.List = version, list.String()
	return s.write(list, after)
}

// Lists returns the names of the lists that have a draft, in the order of their files. It leaves out those that cannot be read.
func (s Store) Lists() []string {
	var lists []string
	files, _ := filepath.Glob(filepath.Join(s.Dir, "*.json"))
	for _, file := range files {
		var d Draft
		if data, err := os.ReadFile(file); err == nil && json.Unmarshal(data, &d) == nil && d.List != "" {
			lists = append(lists, d.List)
		}
	}
	return lists
}

// damage is the reason why a file is not a draft.
type damage struct{ err error }

func (e *damage) Error() string { return e.err.Error() }
func (e *damage) Unwrap() error { return e.err }

func (s Store) read(list reference.NamedTagged) (Draft, error) {
	data, err := os.ReadFile(s.path(list))
	if errors.Is(err, fs.ErrNotExist) {
		return Draft{}, fmt.Errorf("%w: %s", ErrNone, reference.FamiliarString(list))
	}
	if err != nil {
		return Draft{}, err
	}
	var d Draft
	if err := json.Unmarshal(data, &d); err != nil {
		return Draft{}, &damage{err}
	}
	if d.Version > version {
		return Draft{}, fmt.Errorf("%q was written by a newer docker multiarch", s.path(list))
	}
	if err := d.check(list); err != nil {
		return Draft{}, &damage{err}
	}
	return d, nil
}

// check fails for a draft that this package did not write.
func (d Draft) check(list reference.NamedTagged) error {
	switch {
	case d.Version < 1:
		return errors.New("it has no version")
	case d.List != list.String():
		return fmt.Errorf("it is of %q", d.List)
	case len(d.Images) == 0:
		return errors.New("it has no images")
	}
	for _, image := range d.Images {
		if _, err := reference.ParseNormalizedNamed(image.Name); err != nil {
			return fmt.Errorf("image %q: %w", image.Name, err)
		}
		if len(image.Children) == 0 {
			return fmt.Errorf("image %q has no manifest", image.Name)
		}
		for _, child := range image.Children {
			if err := child.Descriptor.Digest.Validate(); err != nil {
				return fmt.Errorf("image %q: digest %q: %w", image.Name, child.Descriptor.Digest, err)
			}
			if child.Descriptor.Size < 0 {
				return fmt.Errorf("image %q: %s has %d bytes", image.Name, child.Descriptor.Digest, child.Descriptor.Size)
			}
		}
		if err := image.Root.Digest.Validate(); err != nil {
			return fmt.Errorf("image %q: digest %q: %w", image.Name, image.Root.Digest, err)
		}
	}
	return nil
}

func (s Store) write(list reference.NamedTagged, d *Draft) error {
	data, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(s.path(list), append(data, '\n'), 0o600)
}

// putAside renames a file that is not a draft. Earlier renamed files keep their names.
func (s Store) putAside(list reference.NamedTagged, broken *damage) error {
	path := s.path(list) + ".corrupt"
	for n := 2; ; n++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = fmt.Sprintf("%s.corrupt-%d", s.path(list), n)
	}
	if err := os.Rename(s.path(list), path); err != nil {
		return errors.Join(broken.err, err)
	}
	return &CorruptError{List: reference.FamiliarString(list), Path: path, Err: broken.err}
}

// path returns a file name with the readable name and its hash, since file systems may ignore case, and allow 255 bytes.
func (s Store) path(list reference.NamedTagged) string {
	name := list.String()
	sum := sha256.Sum256([]byte(name))
	readable := strings.NewReplacer("/", "_", ":", "_").Replace(name)
	if len(readable) > 160 {
		readable = readable[:160]
	}
	return filepath.Join(s.Dir, readable+"-"+hex.EncodeToString(sum[:6])+".json")
}
