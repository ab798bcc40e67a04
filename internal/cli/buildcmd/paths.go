package buildcmd

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/destination"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/project"
	"github.com/docker-multiarch/docker-multiarch/internal/progress"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// checkPaths refuses flags if one of them would overwrite a file that another one writes or reads.
func checkPaths(o buildOptions, j job) error {
	written := append(o.files(), j.logFiles(o)...)
	for i, f := range written {
		for _, other := range written[:i] {
			if samePath(f.Name, other.Name) {
				return bothWritten(other.Flag, f)
			}
		}
		if err := j.checkPath(f); err != nil {
			return err
		}
	}
	for _, dest := range j.destFiles() {
		written = append(written, cli.FlagFile{Flag: "--output", Name: dest})
	}
	for _, in := range j.inputs(o) {
		for _, f := range written {
			if samePath(f.Name, in.Name) {
				return fmt.Errorf("%s would overwrite %q, which the build reads (%s)", f.Flag, in.Name, in.Flag)
			}
		}
	}
	return nil
}

// checkPath compares a flag's file with the outputs. The outputs were compared with each other before.
func (j job) checkPath(f cli.FlagFile) error {
	for _, dest := range j.destFiles() {
		if samePath(f.Name, dest) {
			return bothWritten("--output", f)
		}
	}
	for _, a := range j.request.Outputs.Archives() {
		if rel, in := within(a.Dest, f.Name); a.Folder && in && ofLayout(rel) {
			return fmt.Errorf("%s %q is a file of the OCI layout that --output writes to %q", f.Flag, f.Name, a.Dest)
		}
	}
	for _, files := range j.request.Outputs.Files() {
		if rel, in := within(files.Dest, f.Name); in && !files.Tar && (files.Delete || rel == ".") {
			return fmt.Errorf("--output %q would overwrite %q, which %s writes", files.Dest, f.Name, f.Flag)
		}
	}
	return nil
}

func bothWritten(flag string, f cli.FlagFile) error {
	return fmt.Errorf("%s and %s would both be written to %q", flag, f.Flag, f.Name)
}

// logFiles returns the files of --log-dir, as far as the platforms are known.
func (j job) logFiles(o buildOptions) (files []cli.FlagFile) {
	if o.progress.LogDir == "" {
		return nil
	}
	for _, lane := range append([]string{progress.Shared}, platform.FormatAll(j.request.Platforms)...) {
		files = append(files, cli.FlagFile{Flag: "--log-dir", Name: filepath.Join(o.progress.LogDir, progress.FileName(lane))})
	}
	return files
}

// destFiles returns the outputs that are files.
func (j job) destFiles() (files []string) {
	for _, output := range j.request.Outputs.List {
		if name, folder := output.Target(); !folder && name != "" && name != "-" {
			files = append(files, name)
		}
	}
	return files
}

// inputs returns the files that flags name as inputs, and the files that the context selects.
func (j job) inputs(o buildOptions) (files []cli.FlagFile) {
	src := j.request.Source
	for _, d := range append(slices.Collect(maps.Values(src.Own)), src.Dockerfile) {
		if d.Shown != "" && d.Shown != "stdin" {
			files = append(files, cli.FlagFile{Flag: "the Dockerfile", Name: d.Shown})
		}
	}
	for _, s := range j.request.Secrets {
		files = append(files, cli.FlagFile{Flag: "--secret", Name: s.FilePath})
	}
	files = append(files, cli.FlagFile{Flag: "--builder-config", Name: o.builder.Config})
	if src.ContextDir != "" {
		for _, name := range []string{project.Name, ".dockerignore"} {
			files = append(files, cli.FlagFile{Flag: "the build context", Name: filepath.Join(src.ContextDir, name)})
		}
	}
	return slices.DeleteFunc(files, func(f cli.FlagFile) bool { return f.Name == "" })
}

// samePath reports whether two names lead to one file, however they are spelled. Devices and pipes do not count, since they can take
// both outputs.
func samePath(a, b string) bool {
	one, errOne := os.Stat(a)
	other, errOther := os.Stat(b)
	if errOne == nil && !one.IsDir() && !one.Mode().IsRegular() {
		return false
	}
	return linkPath(a) == linkPath(b) || destination.RealPath(a) == destination.RealPath(b) ||
		errOne == nil && errOther == nil && os.SameFile(one, other)
}

// linkPath returns the location of a name. If the name itself is a link, it is not followed.
func linkPath(name string) string {
	return filepath.Join(destination.RealPath(filepath.Dir(name)), filepath.Base(name))
}

// within reports whether a file is in a folder, or is the folder, and returns its relative path.
func within(folder, file string) (rel string, in bool) {
	rel, err := filepath.Rel(destination.RealPath(folder), linkPath(file))
	return rel, err == nil && filepath.IsLocal(rel)
}

// ofLayout reports whether a path belongs to the files of an OCI layout.
func ofLayout(rel string) bool {
	first, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
	return slices.Contains([]string{".", ocispecs.ImageIndexFile, ocispecs.ImageLayoutFile, ocispecs.ImageBlobsDir}, first)
}
