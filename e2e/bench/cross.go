package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/e2e/golang"
)

// crosses compares ours with docker buildx on our own buildkitd, and measures the cost of looking for relocatable steps where
// there are none. The source changes before each run, so that both compile, and the base images are present. Emulation takes minutes, so the
// rows that compile have one run.
func (w *world) crosses(ctx context.Context) ([]measure.Row, error) {
	service, stays := filepath.Join(w.dir, "service"), filepath.Join(w.dir, "stays")
	dockerfile := "FROM " + w.base + " AS first\nRUN echo > /made\nFROM " + w.base + "\nCOPY --from=first /made /\n"
	if err := fill(filepath.Join(stays, "Dockerfile"), dockerfile); err != nil {
		return nil, err
	}
	image := w.registry + "/bench/golang:1"
	ready := sync.OnceValue(func() error { return w.compiling(ctx, image, service) })
	both := func(platforms string) []measure.Contestant {
		c := scenario{dir: service, platforms: platforms}
		with := []string{"--build-arg", "BARE=" + image}
		y := w.ways[0]
		return []measure.Contestant{
			y.ours(append(w.ourBuild(c), with...)...), y.buildx(measure.Same, append(w.peerBuild(sameBuilder, measure.Same, c), with...)...),
		}
	}
	before := func() error { return firstError(ready, refill(filepath.Join(service, "changed"), 32)) }
	ofSame := func(limit float64) []measure.Bound { return []measure.Bound{measure.Times(limit, measure.Same)} }
	const name = "cross: a Go service of 6,000 lines for "
	return []measure.Row{
		{Name: name + "linux/arm64", Unit: measure.Millis, Runs: 1, Want: ofSame(0.15), Who: both("linux/arm64"), Before: before},
		{Name: name + "3 platforms", Unit: measure.Millis, Runs: 1, Want: ofSame(0.2), Who: both(three), Before: before},
		{
			Name: "cross: 3 platforms, nothing to move, nothing changed", Unit: measure.Millis,
			Want: []measure.Bound{measure.MoreThan(10, measure.Unchecked, "ms more than with --cross=off")},
			Who:  w.checkedAndNot(w.ourBuild(scenario{dir: stays, platforms: three}), "--cross=off"),
		},
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
