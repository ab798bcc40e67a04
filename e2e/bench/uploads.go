package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
	"github.com/docker-multiarch/docker-multiarch/internal/faultregistry"
)

const (
	four     = three + ",linux/386"
	lineRate = 50e6 // bytes per second
)

// uploads returns the rows about pushes through a line that counts. The base image of the warm builds is behind it, too.
func (w *world) uploads(ctx context.Context) ([]measure.Row, error) {
	line := &faultregistry.Line{Next: w.backend()}
	slow := &faultregistry.Line{Next: w.backend(), Rate: lineRate}
	host, err := w.serve(ctx, line)
	if err != nil {
		return nil, err
	}
	slowHost, err := w.serve(ctx, slow)
	if err != nil {
		return nil, err
	}
	cold, warm := filepath.Join(w.dir, "uploads"), filepath.Join(w.dir, "shared")
	architectures := []string{"amd64", "arm64", "arm", "386"}
	renew := func() error {
		err := refill(filepath.Join(cold, "shared"), 100e6)()
		for _, name := range architectures {
			err = errors.Join(err, refill(filepath.Join(cold, name), 10e6)())
		}
		return err
	}
	_, base, _ := strings.Cut(w.base, "/")
	for dir, text := range map[string]string{
		cold: "FROM scratch\nARG TARGETARCH\nCOPY shared /\nCOPY $TARGETARCH /own\n",
		warm: "FROM " + host + "/" + base + "\nCOPY shared /\nARG TARGETARCH\nRUN echo $TARGETARCH > /own\n",
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if err := refill(filepath.Join(warm, "shared"), 2<<20)(); err != nil {
		return nil, err
	}
	push := func(host, platforms, dir string) []measure.Contestant {
		return w.ways[0].pair(func(name string) []string {
			return []string{"--platform", platforms, "-t", host + "/bench/" + name + ":uploads", "--push", dir}
		})
	}
	return []measure.Row{
		{
			Name: "100 MB shared by 4 platforms and 10 MB each, cold, 50 MB/s", Unit: measure.Millis, Runs: 3, Want: ofPeer(noSlower),
			Before: renew, Who: push(slowHost, four, cold), Tidy: w.emptied(""),
		},
		{
			Name: "100 MB shared by 4 platforms and 10 MB each, cold", Unit: measure.Sent, Runs: 1, Want: ofPeer(1.01),
			Before: renew, Traffic: slow.Traffic, Who: push(slowHost, four, cold), Tidy: w.emptied(cold),
		},
		{
			Name: "a push of 3 platforms with a shared layer, nothing to rebuild", Unit: measure.Requests, Want: ofPeer(1),
			Traffic: line.Traffic, Who: push(host, three, warm),
		},
	}, nil
}
