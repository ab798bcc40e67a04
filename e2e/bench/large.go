package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

// large returns the rows about large contexts. Each is written when it is measured, and takes at most 5 GB with what both builders keep
// of it.
func (w *world) large(context.Context) (rows []row, err error) {
	add := func(name string, also []unit, words func(dir string) ([]string, error)) {
		dir := filepath.Join(w.dir, "contexts", strconv.Itoa(len(rows)))
		rows = append(rows, row{name: name, unit: millis, also: also, warm: 1, runs: 5, want: 0.8, tidy: w.emptied(dir), prepare: func(r *row) error {
			more, err := words(dir)
			r.who = w.alone(w.pair(w.ways[0], func(name string) []string {
				return slices.Concat([]string{"--platform", three, "-t", w.tag("large-" + name), "--push"}, more, []string{dir})
			}))
			return err
		}})
	}
	add("200,000 files and 1.6 GB, nothing to rebuild", []unit{mib}, func(dir string) ([]string, error) { return nil, w.manyFiles(dir, 200_000, 8192) })
	add("one file of 1 GB, nothing to rebuild", nil, func(dir string) ([]string, error) {
		return nil, firstError(func() error { return w.manyFiles(dir, 1, 0) }, refill(filepath.Join(dir, "file"), 1e9))
	})
	add("50 named contexts, nothing to rebuild", nil, func(dir string) (words []string, err error) {
		text := "FROM " + w.base + "\n"
		for i := range 50 {
			name := fmt.Sprintf("context%d", i)
			text += "COPY --from=" + name + " file /" + name + "\n"
			words = append(words, "--build-context", name+"="+filepath.Join(dir, name))
			if err := fill(filepath.Join(dir, name, "file"), name); err != nil {
				return nil, err
			}
		}
		return words, fill(filepath.Join(dir, "Dockerfile"), text)
	})
	return rows, nil
}
