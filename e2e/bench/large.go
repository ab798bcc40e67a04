package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// large returns the rows about large contexts. Each is written when it is measured, and takes at most 5 GB with what both builders keep
// of it.
func (w *world) large(context.Context) (rows []measure.Row, err error) {
	add := func(name string, also []measure.Also, words func(dir string) ([]string, error)) {
		dir := filepath.Join(w.dir, "contexts", strconv.Itoa(len(rows)))
		r := measure.Row{Name: name, Unit: measure.Millis, Also: also, Warm: 1, Runs: 5, Want: ofPeer(0.8), Tidy: w.emptied(dir)}
		r.Prepare = func(r *measure.Row) error {
			more, err := words(dir)
			r.Who = w.alone(w.ways[0].pair(func(name string) []string {
				return slices.Concat([]string{"--platform", three, "-t", w.tag("large-" + name), "--push"}, more, []string{dir})
			}))
			return err
		}
		rows = append(rows, r)
	}
	memory := []measure.Also{{Unit: measure.MiB, Want: ofPeer(lessMemory)}}
	add("200,000 files and 1.6 GB, nothing to rebuild", memory, func(dir string) ([]string, error) { return nil, w.manyFiles(dir, 200_000, 8192) })
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
