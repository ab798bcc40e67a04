package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

// These rows are about the examination of executables: ours alone, with it and without.
const (
	gateNothing = "gate: 3 platforms, nothing changed"
	gateFirst   = "gate: 3 platforms, nothing changed, first sight of the base"
	gateFew     = "gate: 3 platforms, 150 MB changed in few files"
	gateFar     = "gate: a far node, 3 platforms, 150 MB changed in few files"
	gateMany    = "gate: 3 platforms, 20,000 small files changed"
	verifyLarge = "verify: 1 GB over 3 platforms"
)

// gates returns the rows about the examination. Its cost shows beside the same build with --verify=off.
func (w *world) gates(context.Context) ([]row, error) {
	many, still := filepath.Join(w.dir, "gate-many"), filepath.Join(w.dir, "gate-still")
	few, change, err := w.fewFiles("gate-few")
	if err != nil {
		return nil, err
	}
	for dir, lines := range map[string]string{many: "COPY . /app/$TARGETARCH\n", still: "COPY file /$TARGETARCH/\n"} {
		if err := fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nARG TARGETARCH\n"+lines); err != nil {
			return nil, err
		}
	}
	if err := refill(filepath.Join(still, "file"), 1<<20)(); err != nil {
		return nil, err
	}
	for i := range manyFiles {
		if err := fill(filepath.Join(many, strconv.Itoa(i/200), strconv.Itoa(i%200)), fmt.Sprintf("file %d\n", i)); err != nil {
			return nil, err
		}
	}
	both := func(dir string) []contestant {
		return w.checkedAndNot(w.ourBuild(scenario{dir: dir, platforms: three}))
	}
	return []row{
		{name: gateNothing, unit: millis, times: 4, who: both(still)},
		{name: gateFirst, unit: millis, who: both(still), before: w.forgetListings},
		{name: gateFew, unit: millis, runs: 5, warm: 1, who: both(few), before: change, tidy: w.emptied(few)},
		// One file is enough to make the whole layer new.
		{name: gateMany, unit: millis, runs: 5, warm: 1, who: both(many), before: refill(filepath.Join(many, "0", "0"), 32), tidy: w.emptied(many)},
	}, nil
}

// checkedAndNot are a build with the examination, and without.
func (w *world) checkedAndNot(build []string) []contestant {
	words, env := slices.Concat([]string{w.plugin}, build), w.ways[0].env
	return []contestant{{ours, words, env}, {unchecked, slices.Insert(slices.Clone(words), 2, "--verify=off"), env}}
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

func fill(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(content), 0o644)
}

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

// forgetListings removes the cached listings of base images.
func (w *world) forgetListings() error { return os.RemoveAll(filepath.Join(w.dir, ".cache")) }

// verifies returns the rows about `verify` of a large image, a third of which is the same for all platforms. The image is made on
// first use.
func (w *world) verifies(ctx context.Context) ([]row, error) {
	dir, ref := filepath.Join(w.dir, "large"), w.tag("large")
	push := sync.OnceValue(func() error {
		dockerfile := "FROM scratch\nARG TARGETARCH\nCOPY --link same /same\nCOPY $TARGETARCH /own\n"
		if err := fill(filepath.Join(dir, "Dockerfile"), dockerfile); err != nil {
			return err
		}
		for _, name := range []string{"same/0", "same/1", "amd64/0", "arm64/0", "arm/0"} {
			if err := refillAll([]string{filepath.Join(dir, name)}, 200<<20)(); err != nil {
				return err
			}
		}
		_, err := w.docker(ctx, w.ways[0], "multiarch", "build", "--builder", ourBuilder, "--verify=off", "--platform", three, "--push", "-t", ref, dir)
		return err
	})
	who := []contestant{{ours, []string{w.plugin, "verify", ref}, w.ways[0].env}}
	before := func() error { return firstError(push, w.forgetListings) }
	return []row{{name: verifyLarge, unit: millis, also: []unit{mib}, runs: 5, warm: 1, who: who, before: before, tidy: w.emptied(dir)}}, nil
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
