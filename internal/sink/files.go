package sink

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Files are root file systems: a folder, a tar archive, or standard output.
type Files struct {
	// Tar makes an archive; otherwise Dest is a folder, and keeps its present content.
	Tar bool
	// Dest is a path, or "-" for standard output.
	Dest string
	// Delete empties the folder first.
	Delete bool
	// Split gives each platform a folder of its own ("linux_arm64"). nil does so where there are several, like docker buildx.
	Split *bool
	// Attrs are attributes of BuildKit's exporters, passed on as they are.
	Attrs map[string]string
}

// Place implements Output.
func (f Files) Place() string { return "files " + placeName(f.Dest) }

// HasImages implements Output.
func (f Files) HasImages() bool { return false }

// Target implements Output.
func (f Files) Target() (name string, folder bool) { return f.Dest, !f.Tar }

func (f Files) rank() int { return 2 }

func (f Files) sink(Env, Result) Sink { return nil }

// split reports whether each of n platforms has a folder of its own.
func (f Files) split(n int) bool {
	if f.Split != nil {
		return *f.Split
	}
	return n > 1
}

// StagedFiles are the root file systems that a build has exported, or is exporting, until it has succeeded.
type StagedFiles struct {
	outputs []stagedOutput
	targets []platform.Platform
}

// stagedOutput is one Files output.
type stagedOutput struct {
	Files
	dir  string     // of a folder: the staged files
	held []*os.File // see inuse.Mark
	file *pending   // of an archive; nil for standard output
	join *join
	// optional are the folders, or the archives, of optional platforms, by index.
	optional map[int]string
}

// StageFiles prepares the outputs. The caller must call Abort at the end, even after a commit.
//
// Files of optional platforms are staged separately, so that they can be dropped.
func StageFiles(ctx context.Context, outs Outputs, targets, optional []platform.Platform, stdout io.Writer) (s *StagedFiles, err error) {
	s = &StagedFiles{targets: targets}
	defer func() {
		if err != nil {
			s.Abort(ctx)
		}
	}()
	for _, f := range outs.Files() {
		out := stagedOutput{Files: f, optional: map[int]string{}}
		if f.Tar {
			err = out.stageTar(ctx, targets, optional, stdout)
		} else {
			err = out.stageFolders(targets, optional)
		}
		s.outputs = append(s.outputs, out)
		if err != nil {
			return s, &OutputError{f.Dest, err}
		}
	}
	return s, nil
}

// stageTar opens the archive. The archives of optional platforms join it last, if at all.
func (o *stagedOutput) stageTar(ctx context.Context, targets, optional []platform.Platform, stdout io.Writer) (err error) {
	w := stdout
	if o.Dest != Stdout {
		if o.file, err = newPending(ctx, o.Dest); err != nil {
			return err
		}
		w = o.file
	}
	folders := make([]string, len(targets))
	for i, p := range targets {
		if o.split(len(targets)) {
			folders[i] = folderOf(p)
		}
		if platform.Contains(optional, p) {
			err = errors.Join(err, o.stageOptional(i))
		}
	}
	o.join = newJoin(w, folders, o.optional)
	return err
}

// stageFolders makes the folder in which files are staged, and the folders of the platforms in it, with the mode that docker buildx gives
// them.
func (o *stagedOutput) stageFolders(targets, optional []platform.Platform) (err error) {
	if o.dir, err = o.newDir(); err != nil {
		return err
	}
	for i, p := range targets {
		if platform.Contains(optional, p) {
			err = errors.Join(err, o.stageOptional(i))
		}
		if o.split(len(targets)) {
			err = errors.Join(err, os.Mkdir(filepath.Join(o.folder(i), folderOf(p)), folderMode))
		}
	}
	return err
}

// newDir makes a folder for staging.
func (o *stagedOutput) newDir() (string, error) {
	dir, held, err := stagedDir(o.Dest)
	o.held = append(o.held, held)
	return dir, err
}

// Stdout is standard output as a destination.
const Stdout = "-"

// Exports returns the export entries of a platform's solve.
func (s *StagedFiles) Exports(ctx context.Context, index int) []client.ExportEntry {
	var list []client.ExportEntry
	for _, out := range s.outputs {
		if out.Tar {
			list = append(list, client.ExportEntry{Type: client.ExporterTar, Attrs: out.Attrs, Output: func(map[string]string) (io.WriteCloser, error) {
				if file, ok := out.optional[index]; ok {
					return os.Create(file)
				}
				return out.join.enter(ctx, index)
			}})
			continue
		}
		dir := out.folder(index)
		if out.split(len(s.targets)) {
			dir = filepath.Join(dir, folderOf(s.targets[index]))
		}
		list = append(list, client.ExportEntry{Type: client.ExporterLocal, Attrs: out.Attrs, OutputDir: dir})
	}
	return list
}

// Fail reports that a platform will not deliver its files.
func (s *StagedFiles) Fail() {
	for _, out := range s.outputs {
		if out.join != nil {
			out.join.fail()
		}
	}
}

// Explain recognizes the error of a solve that could not write to the staging folder. BuildKit returns it as text.
func (s *StagedFiles) Explain(err error) error {
	for _, out := range s.outputs {
		staged := out.dir
		if out.file != nil {
			staged = out.file.Name()
		}
		if out.dir != "" && buildkitmsg.IsReceiverGone(err) {
			if cause := tryRoom(out.dir); cause != nil {
				return &OutputError{out.Dest, cause}
			}
		}
		for _, place := range append(slices.Collect(maps.Values(out.optional)), staged) {
			if place != "" && strings.Contains(err.Error(), place) {
				return &OutputError{out.Dest, err}
			}
		}
	}
	return err
}

// tryRoom returns why a folder takes no more data.
func tryRoom(dir string) error {
	f, err := os.CreateTemp(dir, "")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 1<<20))
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// Commit implements Sink. Files that were placed before an error stay.
func (s *StagedFiles) Commit(_ context.Context, done *Done) error {
	for i := range s.outputs {
		out := &s.outputs[i]
		if err := out.commit(); err != nil {
			return &OutputError{out.Dest, err}
		}
		if out.Dest != Stdout {
			done.Written = append(done.Written, out.Dest)
		}
	}
	return nil
}

func (o *stagedOutput) commit() error {
	if !o.Tar {
		if o.Delete {
			if err := emptyDir(o.Dest); err != nil {
				return err
			}
		}
		err := placeDir(o.dir, o.Dest)
		for _, i := range slices.Sorted(maps.Keys(o.optional)) {
			if err == nil {
				err = placeDir(o.optional[i], o.Dest)
			}
		}
		return err
	}
	if o.file == nil {
		return nil
	}
	return o.file.commit()
}

// Prepare implements Sink: it ends the archives.
func (s *StagedFiles) Prepare(context.Context) error {
	for _, out := range s.outputs {
		if out.join == nil {
			continue
		}
		if err := errors.Join(out.appendOptional(), out.join.close()); err != nil {
			return &OutputError{out.Dest, err}
		}
		if out.file == nil {
			continue
		}
		if err := out.file.Close(); err != nil {
			return &OutputError{out.Dest, err}
		}
	}
	return nil
}

// Abort implements Sink: it removes files that were staged and not placed.
func (s *StagedFiles) Abort(context.Context) {
	for _, out := range s.outputs {
		if out.dir != "" {
			_ = os.RemoveAll(out.dir) // the name of a left-over folder shows its origin
		}
		if out.file != nil {
			out.file.abort()
		}
		for _, place := range out.optional {
			_ = os.RemoveAll(place)
		}
		for _, held := range out.held {
			_ = held.Close() // it was opened for its lock
		}
	}
}
