package graph_test

import (
	"context"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func ExampleRead() {
	builder := llb.Platform(ocispecs.Platform{OS: "linux", Architecture: "amd64"})
	compiled := llb.Image("golang:1.26", builder).Run(llb.Shlex("go build -o /hello ./cmd/hello")).Root()
	def, err := llb.Scratch().File(llb.Copy(compiled, "/hello", "/hello")).Marshal(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := graph.Read(def)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range g.Steps {
		fmt.Println(s.Kind, s.Name)
	}
	for _, p := range g.Runs() {
		fmt.Println("runs programs for", platform.Format(p))
	}
	// Output:
	// source docker-image://docker.io/library/golang:1.26
	// exec RUN go build -o /hello ./cmd/hello
	// file COPY /hello /hello
	// runs programs for linux/amd64
}
