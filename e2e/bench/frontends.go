package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/e2e/bench/measure"
)

// frontends returns the rows about Dockerfiles that name the image of their frontend, as most do. The image is made of BuildKit's own
// frontend and pushed to the registry.
func (w *world) frontends(ctx context.Context) ([]measure.Row, error) {
	if w.frontend == "" {
		return nil, errors.New("without MULTIARCH_E2E_FRONTEND no frontend has an image")
	}
	image, y := w.tag("frontend"), w.ways[0]
	made := filepath.Join(w.dir, "frontend")
	dockerfile := "FROM scratch\nLABEL moby.buildkit.frontend.network.none=true\nLABEL moby.buildkit.frontend.caps=" +
		"moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts\n" +
		"COPY --from=made " + filepath.Base(w.frontend) + " /frontend\nENTRYPOINT [\"/frontend\"]\n"
	if err := fill(filepath.Join(made, "Dockerfile"), dockerfile); err != nil {
		return nil, err
	}
	if _, err := w.docker(ctx, y, "multiarch", "build", "--builder", ourBuilder, "--platform", "linux/amd64", "--push", "-t", image,
		"--build-context", "made="+filepath.Dir(w.frontend), made); err != nil {
		return nil, err
	}
	var rows []measure.Row
	for count, platforms := range map[string]string{"3 platforms": three, "8 platforms": eight} {
		c := scenario{name: count + ", nothing to rebuild, # syntax=", dir: filepath.Join(w.dir, "syntax", count[:1]), platforms: platforms}
		text, err := os.ReadFile(filepath.Join(w.cases[0].dir, "Dockerfile"))
		if err != nil {
			return nil, err
		}
		if platforms == eight { // the base image has not all of them
			text = []byte("FROM scratch\nCOPY Dockerfile /\n")
		}
		if err := fill(filepath.Join(c.dir, "Dockerfile"), "# syntax="+image+"\n"+string(text)); err != nil {
			return nil, err
		}
		rows = append(rows, measure.Row{Name: c.name, Unit: measure.Millis, Want: ofPeer(0.6), Who: w.builds(y, c)})
	}
	slices.SortFunc(rows, func(a, b measure.Row) int { return strings.Compare(a.Name, b.Name) })
	return rows, nil
}
