package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// slope is how the time of a build grows with one quantity, of which the rows have a point each.
type slope struct {
	name, quantity string
	points         []int
	runs           int // of each point
	// files returns the build context at a point, and what changes before each run; nil: nothing does.
	files func(dir string, n int) (scenario, error)
}

// sixteen are platforms for images without a program.
const sixteen = eight + ",linux/arm/v5,linux/mips64le,linux/mips,linux/mipsle,linux/mips64,linux/loong64,linux/ppc64,freebsd/amd64"

// slopes returns those of `make bench`. Where nothing but the quantity counts there is nothing to rebuild; bytes are new in each run.
func (w *world) slopes() []slope {
	return []slope{
		{"platforms, nothing to rebuild", "platforms", []int{1, 2, 4, 8, 16}, 7, func(dir string, n int) (scenario, error) {
			c := scenario{dir: dir, platforms: strings.Join(strings.Split(sixteen, ",")[:n], ",")}
			return c, fill(filepath.Join(dir, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
		}},
		{"files of the context, nothing to rebuild", "thousand files", []int{1, 10, 100, 200}, 3, func(dir string, n int) (scenario, error) {
			return scenario{dir: dir, platforms: three}, w.manyFiles(dir, n*1000, 0)
		}},
		{"steps, nothing to rebuild", "steps", []int{10, 100, 500}, 5, func(dir string, n int) (scenario, error) {
			text := "FROM scratch AS stage0\nCOPY Dockerfile /file\n"
			for i := range n - 2 { // one stage for each: an image cannot have as many layers
				text += fmt.Sprintf("FROM scratch AS stage%d\nCOPY --from=stage%d /file /file\n", i+1, i)
			}
			text += fmt.Sprintf("FROM scratch\nCOPY --from=stage%d /file /file\n", n-2)
			return scenario{dir: dir, platforms: three}, fill(filepath.Join(dir, "Dockerfile"), text)
		}},
		{"bytes of the context, new in each run", "MB", []int{10, 100, 1000}, 3, func(dir string, n int) (scenario, error) {
			c := scenario{dir: dir, platforms: bothPlatforms, before: refill(filepath.Join(dir, "file"), int64(n)*1e6)}
			return c, fill(filepath.Join(dir, "Dockerfile"), "FROM "+w.base+"\nRUN --network=none --mount=type=bind,target=/src cat /src/file >/dev/null\n")
		}},
	}
}

// points returns a row for each point of each slope. Its context is written when it is measured.
func (w *world) points(context.Context) (rows []measure.Row, err error) {
	for i, s := range w.slopes() {
		for _, n := range s.points {
			dir := filepath.Join(w.dir, "slopes", strconv.Itoa(i), strconv.Itoa(n))
			rows = append(rows, measure.Row{
				Name: fmt.Sprintf("slope, %s: %d", s.name, n), Unit: measure.Millis, Warm: 1, Runs: s.runs, Want: ofPeer(noSlower),
				Point: &measure.Point{Slope: s.name, Quantity: s.quantity, At: n}, Tidy: w.emptied(dir),
				Prepare: func(r *measure.Row) error {
					c, err := s.files(dir, n)
					r.Who, r.Before = w.builds(w.ways[0], c)[:2], c.before
					return err
				},
			})
		}
	}
	return rows, nil
}
