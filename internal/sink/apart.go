package sink

import (
	"errors"
	"os"
	"path/filepath"
)

// The files of an optional platform are staged apart from the others, so that they can be dropped whenever the platform fails, even after
// it has sent some or all of them: an archive that is written as it arrives cannot be undone.

// setApart makes the place for a platform.
func (o *stagedOutput) setApart(index int) (err error) {
	if !o.Tar {
		o.apart[index], err = stagedDir(o.Dest)
		return err
	}
	dir := os.TempDir()
	if o.Dest != Stdout {
		dir = nearest(filepath.Dir(target(o.Dest)))
	}
	f, err := createStage(dir)
	if err != nil {
		return err
	}
	o.apart[index] = f.Name()
	return f.Close()
}

// folder returns the folder in which a platform's files are staged.
func (o *stagedOutput) folder(index int) string {
	if dir, ok := o.apart[index]; ok {
		return dir
	}
	return o.dir
}

// LeaveOut drops the files of a platform, if it is optional.
func (s *StagedFiles) LeaveOut(index int) {
	for _, out := range s.outputs {
		if place, ok := out.apart[index]; ok {
			_ = os.RemoveAll(place) // the name of a left-over folder shows its origin
			delete(out.apart, index)
		}
	}
}

// joinLate adds to an archive the files that were staged apart.
func (o *stagedOutput) joinLate() error {
	for i := range o.join.folders {
		place, ok := o.apart[i]
		if !ok {
			continue
		}
		f, err := os.Open(place)
		if err != nil {
			return err
		}
		if err := errors.Join(o.join.copy(f, o.join.folders[i]), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Again prepares for a second export of a platform's files. It returns false if some of them cannot be told from those of others.
func (s *StagedFiles) Again(index int) bool {
	for _, out := range s.outputs {
		_, apart := out.apart[index]
		switch {
		case out.join != nil && out.join.has(index):
			return false
		case out.Tar, !apart && !out.split(len(s.targets)): // an archive is begun anew; files in a common folder are the same as before
			continue
		}
		dir := out.folder(index)
		if out.split(len(s.targets)) {
			dir = filepath.Join(dir, folderOf(s.targets[index]))
		}
		if emptyDir(dir) != nil {
			return false
		}
	}
	return true
}
