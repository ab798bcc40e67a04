package main

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// manyFiles writes a context of files of a size, all of which a step may read.
func (w *world) manyFiles(dir string, count int, size int64) error {
	text := "FROM " + w.base + "\nRUN --network=none --mount=type=bind,target=/src cat /src/0/0 > /changed\n"
	if err := fill(filepath.Join(dir, "Dockerfile"), text); err != nil {
		return err
	}
	for i := range count {
		name := filepath.Join(dir, strconv.Itoa(i/200), strconv.Itoa(i%200))
		if err := fill(name, fmt.Sprintf("file %d\n", i)); err != nil {
			return err
		}
		if size > 0 {
			if err := refill(name, size)(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fewFiles makes a context whose image has 50 MB for each of three platforms; change changes all of it.
func (w *world) fewFiles(name string) (dir string, change func() error, err error) {
	dir = filepath.Join(w.dir, name)
	var changed []string
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		for i := range 5 {
			changed = append(changed, filepath.Join(dir, arch, strconv.Itoa(i)))
		}
	}
	err = fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nARG TARGETARCH\nCOPY $TARGETARCH /app\n")
	return dir, refillAll(changed, 10<<20), err
}
