package main

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// fill writes a file, and makes its folders.
func fill(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), 0o644)
}

// refill writes new content that no cache has into a file. It never holds the whole content: the measured memory of a program
// counts from that of its parent.
func refill(name string, size int64) func() error {
	return func() error {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		_, err = io.CopyN(f, rand.Reader, size)
		return errors.Join(err, f.Close())
	}
}

// refillAll writes new content of a size into each file, and makes their folders.
func refillAll(names []string, size int64) func() error {
	return func() error {
		for _, name := range names {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				return err
			}
			if err := refill(name, size)(); err != nil {
				return err
			}
		}
		return nil
	}
}

// firstError runs the steps until one fails.
func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
