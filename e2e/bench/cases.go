package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// scenario is a build context, the platforms to build it for, and the changes before each build.
type scenario struct {
	name      string
	dir       string
	platforms string
	before    func() error
	memory    bool               // the clients' memory is measured, too
	want      map[string]float64 // the bound against the peer, by way
}

const (
	three = "linux/amd64,linux/arm64,linux/arm/v7"
	eight = three + ",linux/arm/v6,linux/386,linux/ppc64le,linux/s390x,linux/riscv64"

	bothPlatforms = "linux/amd64,linux/arm64"

	manyFiles = 20_000
)

// scenarios writes the contexts below dir. base is an image with a shell for all of three.
func scenarios(dir, base string) ([]scenario, error) {
	small, many, scratch := filepath.Join(dir, "small"), filepath.Join(dir, "many"), filepath.Join(dir, "scratch")
	files := map[string]string{
		filepath.Join(small, "Dockerfile"): "FROM " + base + "\nARG TARGETPLATFORM\nRUN echo $TARGETPLATFORM > /platform\n",
		// A bind mount takes the whole context, as COPY does, but without 20,000 files that BuildKit must copy, pack and push for
		// each platform: that would be nearly all of the time, and the same for all clients.
		filepath.Join(many, "Dockerfile"):    "FROM " + base + "\nRUN --network=none --mount=type=bind,target=/src cat /src/0/0 > /changed\n",
		filepath.Join(scratch, "Dockerfile"): "FROM scratch\nCOPY file /\n",
		filepath.Join(scratch, "file"):       "",
	}
	for i := range manyFiles {
		name := filepath.Join(many, strconv.Itoa(i/200), strconv.Itoa(i%200))
		files[name] = fmt.Sprintf("file %d\n", i)
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	return []scenario{
		{name: "3 platforms, nothing to rebuild", dir: small, platforms: three, memory: true, want: by(0.5, 0.7)},
		{name: "3 platforms, 20,000 files, nothing to rebuild", dir: many, platforms: three, memory: true, want: by(0.6, 0.8)},
		{name: "3 platforms, 20,000 files, one changed", dir: many, platforms: three, want: by(0.6, 0.8), before: refill(filepath.Join(many, "0", "0"), 32)},
		{
			name: "8 platforms, FROM scratch, cold", dir: scratch, platforms: eight, memory: true, want: by(0.5, 0.6),
			before: refill(filepath.Join(scratch, "file"), 64<<10),
		},
	}, nil
}

func by(socket, exec float64) map[string]float64 {
	return map[string]float64{"socket": socket, "exec": exec}
}
