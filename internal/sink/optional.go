package sink

import (
	"errors"
	"os"
	"path/filepath"
)

// The files of an optional platform are staged separately from the others, so that they can be dropped whenever the platform fails, even after
// it has sent some or all of them: an archive that is written as it arrives cannot be undone.

// stageOptional makes the place for the files of an optional platform.
func (o *stagedOutput) stageOptional(index int) (err error) {
	if !o.Tar {
		o.optional[index], err = o.newDir()
		return err
	}
	dir := os.TempDir()
	if o.Dest != Stdout {
		dir = nearest(filepath.Dir(target(o.Dest)))
	}
	f, held, err := createStage(dir)
	if err != nil {
		return err
	}
	o.held = append(o.held, held)
	o.optional[index] = f.Name()
	return f.Close()
}

// folder returns the folder in which a platform's files are staged.
func (o *stagedOutput) folder(index int) string {
	if dir, ok := o.optional[index]; ok {
		return dir
	}
	return o.dir
}

// Drop drops the files of a platform, if it is optional.
func (s *StagedFiles) Drop(index int) {
	for _, out := range s.outputs {
		if place, ok := out.optional[index]; ok {
			_ = os.RemoveAll(place) // the name of a left-over folder shows its origin
			delete(out.optional, index)
		}
	}
}

// appendOptional adds the files of optional platforms to an archive.
func (o *stagedOutput) appendOptional() error {
	for i := range o.join.folders {
		place, ok := o.optional[i]
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
		_, optional := out.optional[index]
		switch {
		case out.join != nil && out.join.has(index):
			return false
		case out.Tar, !optional && !out.split(len(s.targets)): // an archive is begun anew; files in a common folder are the same as before
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
