package cross

import (
	"fmt"
	"strings"
	"testing"
)

// big is a Dockerfile of some 200 steps: many stages that compile, some that do not, and a result that copies from all of them.
func big() string {
	var b strings.Builder
	b.WriteString("FROM golang AS base\nWORKDIR /src\nCOPY go.mod .\nRUN go mod download\n")
	for i := range 20 {
		fmt.Fprintf(&b, "FROM base AS s%d\n", i)
		for k := range 6 {
			fmt.Fprintf(&b, "COPY d%d-%d d%d\n", i, k, k)
		}
		command := "go build -o /app ."
		if i%5 == 4 {
			command = "make"
		}
		fmt.Fprintf(&b, "RUN --mount=type=cache,target=/root/.cache %s\n", command)
	}
	b.WriteString("FROM alpine\n")
	for i := range 20 {
		fmt.Fprintf(&b, "COPY --from=s%d /app /app%d\nRUN echo %d\n", i, i, i)
	}
	return b.String()
}

// BenchmarkMove judges with the recipe of the tests. It does not measure the real recipes.
func BenchmarkMove(b *testing.B) {
	for name, dockerfile := range map[string]string{"big": big(), "usual": service} {
		b.Run(name, func(b *testing.B) {
			build := build(b, dockerfile, "linux/arm64")
			for b.Loop() {
				m := newRelocator(build)
				if relocated, err := m.relocate(tidy(m)); err != nil || relocated.Definition == nil {
					b.Fatal("nothing moved", err)
				}
			}
			b.ReportMetric(float64(len(build.Graph.Steps)), "steps")
		})
	}
}

// BenchmarkWanted runs the real recipes on the commands.
func BenchmarkWanted(b *testing.B) {
	build := build(b, big(), "linux/arm64")
	for b.Loop() {
		if len(RequiredBases(build)) != 1 {
			b.Fatal("the base image is not wanted")
		}
	}
}
