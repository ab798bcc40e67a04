package build

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// stagedFiles are the root file systems that a build has exported, or is exporting, until it has succeeded.
type stagedFiles struct {
	outputs []stagedOutput
	targets []platform.Platform
}

// stagedOutput is one Files output.
type stagedOutput struct {
	Files
	dir  string   // of a folder: what was staged
	file *pending // of an archive; nil for standard output
	join *join
}

// stageFiles prepares the outputs. The caller discards them at last, also after they have been placed.
func stageFiles(ctx context.Context, outs []Files, targets []platform.Platform, stdout io.Writer) (s *stagedFiles, err error) {
	s = &stagedFiles{targets: targets}
	defer func() {
		if err != nil {
			s.discard()
		}
	}()
	for _, f := range outs {
		out := stagedOutput{Files: f}
		if !f.Tar {
			if out.dir, err = stageFolders(f, targets); err != nil {
				return s, &OutputError{f.Dest, err}
			}
			s.outputs = append(s.outputs, out)
			continue
		}
		w := stdout
		if f.Dest != stdoutDest {
			if out.file, err = newPending(ctx, f.Dest); err != nil {
				return s, &OutputError{f.Dest, err}
			}
			w = out.file
		}
		folders := make([]string, len(targets))
		for i, p := range targets {
			if f.split(len(targets)) {
				folders[i] = folderOf(p)
			}
		}
		out.join = newJoin(w, folders)
		s.outputs = append(s.outputs, out)
	}
	return s, nil
}

// stageFolders makes the folder that files are staged in, and in it those of the platforms, with the rights that the peer gives them.
func stageFolders(f Files, targets []platform.Platform) (dir string, err error) {
	if dir, err = stagedDir(f.Dest); err != nil || !f.split(len(targets)) {
		return dir, err
	}
	for _, p := range targets {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, folderOf(p)), folderMode))
	}
	return dir, err
}

// stdoutDest is standard output as a destination.
const stdoutDest = "-"

// exports are the entries of a platform's solve.
func (s *stagedFiles) exports(ctx context.Context, index int) []client.ExportEntry {
	var list []client.ExportEntry
	for _, out := range s.outputs {
		if out.Tar {
			list = append(list, client.ExportEntry{Type: client.ExporterTar, Attrs: out.Attrs, Output: func(map[string]string) (io.WriteCloser, error) {
				return out.join.enter(ctx, index)
			}})
			continue
		}
		dir := out.dir
		if out.split(len(s.targets)) {
			dir = filepath.Join(dir, folderOf(s.targets[index]))
		}
		list = append(list, client.ExportEntry{Type: client.ExporterLocal, Attrs: out.Attrs, OutputDir: dir})
	}
	return list
}

// failed tells that a platform will not come.
func (s *stagedFiles) failed() {
	for _, out := range s.outputs {
		if out.join != nil {
			out.join.fail()
		}
	}
}

// explain recognises the error of a solve that could not write to where files are staged. BuildKit brings it back as text.
func (s *stagedFiles) explain(err error) error {
	for _, out := range s.outputs {
		staged := out.dir
		if out.file != nil {
			staged = out.file.Name()
		}
		if staged != "" && strings.Contains(err.Error(), staged) {
			return &OutputError{out.Dest, err}
		}
	}
	return err
}

// place gives everything its name. What was placed before an error stays.
func (s *stagedFiles) place() (placed []string, err error) {
	for i := range s.outputs {
		out := &s.outputs[i]
		if err := out.place(); err != nil {
			return placed, &OutputError{out.Dest, err}
		}
		if out.Dest != stdoutDest {
			placed = append(placed, out.Dest)
		}
	}
	return placed, nil
}

func (o *stagedOutput) place() error {
	if !o.Tar {
		if o.Delete {
			if err := emptyDir(o.Dest); err != nil {
				return err
			}
		}
		return placeDir(o.dir, o.Dest)
	}
	if o.file == nil {
		return nil
	}
	return o.file.place()
}

// finish ends the archives. Nothing has its name yet.
func (s *stagedFiles) finish() error {
	for _, out := range s.outputs {
		if out.join == nil {
			continue
		}
		if err := out.join.close(); err != nil {
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

// discard removes what was staged and not placed.
func (s *stagedFiles) discard() {
	for _, out := range s.outputs {
		if out.dir != "" {
			_ = os.RemoveAll(out.dir) // what is left over is named so that its origin is plain
		}
		if out.file != nil {
			out.file.discard()
		}
	}
}
