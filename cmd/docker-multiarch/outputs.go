package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// clearOutputs removes the files of an earlier run, so that a failed build leaves no result that looks like its own, and finds
// out before the build whether they can be written. What is no regular file (/dev/stdout) is left in its place.
func clearOutputs(o buildOptions) error {
	files, err := o.files()
	if err != nil {
		return &usage{err: err}
	}
	for _, out := range files {
		f, err := os.OpenFile(out.name, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return &usage{err: fmt.Errorf("%s: %w", out.flag, err)}
		}
		err = f.Close()
		if isRegular(out.name) {
			err = errors.Join(err, os.Remove(out.name))
		}
		if err != nil {
			return &usage{err: fmt.Errorf("%s: %w", out.flag, err)}
		}
	}
	return nil
}

// flagFile is a file that a flag asks for.
type flagFile struct{ flag, name string }

// files are those that tell of a build. Two flags cannot have the same one.
func (o buildOptions) files() (files []flagFile, err error) {
	for _, f := range []flagFile{{"--iidfile", o.iidFile}, {"--metadata-file", o.metadataFile}, {"--report", o.report}} {
		if f.name == "" || f == (flagFile{"--report", "-"}) {
			continue
		}
		for _, other := range files {
			if path := realPath(f.name); path == realPath(other.name) && (!exists(path) || isRegular(path)) {
				return nil, fmt.Errorf("%s and %s would both be written to %q", other.flag, f.flag, f.name)
			}
		}
		files = append(files, f)
	}
	return files, nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func isRegular(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

func writeMetadata(name string, m any) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(name, append(data, '\n'))
}

// replaceFile replaces the file in one step: a reader sees all of it or none. What is there and no regular file, such as
// /dev/stdout, is written to instead.
func replaceFile(name string, data []byte) error {
	if exists(name) && !isRegular(name) {
		return os.WriteFile(name, data, 0o644)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error that matters is the first
	}
	return err
}
