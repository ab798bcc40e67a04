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
	for _, out := range []struct{ flag, name string }{{"--iidfile", o.iidFile}, {"--metadata-file", o.metadataFile}} {
		if out.name == "" {
			continue
		}
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

func isRegular(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// writeMetadata replaces the file in one step: a reader sees all of it or none. What is there and no regular file, such as
// /dev/stdout, is written to instead.
func writeMetadata(name string, m any) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if _, err := os.Lstat(name); err == nil && !isRegular(name) {
		return os.WriteFile(name, append(data, '\n'), 0o644)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error that matters is the first
	}
	return err
}
