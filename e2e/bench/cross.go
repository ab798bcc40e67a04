package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
)

// These rows are about builds that compile. Emulation takes minutes, so the first two have one run.
const (
	crossOne     = "cross: a Go service of 6,000 lines for linux/arm64"
	crossThree   = "cross: a Go service of 6,000 lines for 3 platforms"
	crossNothing = "cross: 3 platforms, nothing to move, nothing changed"
)

// crosses compares ours with docker buildx on our own buildkitd, and measures the cost of looking for relocatable steps where
// there are none. The source changes before each run, so that both compile, and the base images are present.
func (w *world) crosses(ctx context.Context) ([]row, error) {
	service, stays := filepath.Join(w.dir, "service"), filepath.Join(w.dir, "stays")
	dockerfile := "FROM " + w.base + " AS first\nRUN echo > /made\nFROM " + w.base + "\nCOPY --from=first /made /\n"
	if err := fill(filepath.Join(stays, "Dockerfile"), dockerfile); err != nil {
		return nil, err
	}
	image := w.registry + "/bench/golang:1"
	ready := sync.OnceValue(func() error { return w.compiling(ctx, image, service) })
	both := func(platforms string) []contestant {
		c := scenario{dir: service, platforms: platforms}
		with := []string{"--build-arg", "BARE=" + image}
		y := w.ways[0]
		return []contestant{
			{ours, slices.Concat([]string{"docker", "multiarch"}, w.ourBuild(c), with), y.env},
			{same, slices.Concat([]string{"docker", "buildx"}, w.peerBuild(sameBuilder, same, c), with), y.env},
		}
	}
	before := func() error { return firstError(ready, refill(filepath.Join(service, "changed"), 32)) }
	words := slices.Concat([]string{w.plugin}, w.ourBuild(scenario{dir: stays, platforms: three}))
	return []row{
		{name: crossOne, unit: millis, runs: 1, who: both("linux/arm64"), before: before},
		{name: crossThree, unit: millis, runs: 1, who: both(three), before: before},
		{name: crossNothing, unit: millis, who: []contestant{
			{ours, words, w.ways[0].env}, {unchecked, slices.Insert(slices.Clone(words), 2, "--cross=off"), w.ways[0].env},
		}},
	}, nil
}

// compiling makes the image with the toolchain and the service's source, and fetches the image and its emulators, which are not
// part of the measurement.
func (w *world) compiling(ctx context.Context, image, service string) error {
	cache := os.Getenv("DOCKER_MULTIARCH_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		cache = filepath.Join(dir, "docker-multiarch")
	}
	made, err := golang.Make(ctx, cache)
	if err != nil {
		return err
	}
	if err := golang.Service(ctx, service); err != nil {
		return err
	}
	build := []string{"multiarch", "build", "--builder", ourBuilder, "--platform", three, "--push"}
	compiler := []string{"-t", image, "--target", golang.Bare, "--verify=off", "--build-arg", "BASE=" + w.base, "-f", made.Dockerfile, made.Dir}
	// Its working directory is made in the image, so the builder unpacks it.
	unpack := []string{"-t", w.tag("deps"), "--target", "deps", "--cross=off", "--build-arg", "BARE=" + image, service}
	for _, args := range [][]string{
		{"multiarch", "emulators", "install", "linux/arm64", "linux/arm/v7"}, slices.Concat(build, compiler), slices.Concat(build, unpack),
	} {
		if _, err := w.docker(ctx, w.ways[0], args...); err != nil {
			return fmt.Errorf("for rows about compiling: %w", err)
		}
	}
	return nil
}
