// Package onnode lists the layers of an image on the node that has made it, so that they need not cross the connection. A step runs a program
// of ours (package nodehelper) on the layers' files, and only the listings are read.
//
// The step gets the layers by their digests, as images of a session's store that has manifests and no layer: BuildKit finds the layers in its
// cache, or the step fails, and nothing is fetched for it. The files that a layer changes are the difference of two such images, which
// BuildKit makes of snapshots that it has, by links where its snapshotter can.
//
// The program writes the tar stream of what is mounted, as BuildKit writes layers, and hashes it. A listing counts only if the digest is the
// layer's diff ID. It is then the listing of the very bytes that are published. Layers that were written in another way have no listing here:
// most of those that BuildKit has not made, those with rewritten timestamps, and a few that give a file of the layer below another name.
package onnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/nodehelper"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Builder is the part of a connection to a BuildKit that builds.
type Builder interface {
	Build(ctx context.Context, opt client.SolveOpt, product string, fn gateway.BuildFunc, status chan *client.SolveStatus) (*client.SolveResponse, error)
}

// Node is a node that lists layers.
type Node struct {
	Builder  Builder
	Platform platform.Platform // its own
}

// Image has the layers of an image that the node has made, the lowest first.
type Image struct {
	Layers  []ocispecs.Descriptor
	DiffIDs []digest.Digest // as many
}

// ErrNoProgram means that there is no program for the node's platform.
var ErrNoProgram = errors.New("no program lists layers on nodes of its platform")

// List lists layers of an image by their indexes, in one step. The node must have all layers below them. The result has the listings of those
// that could be listed; an error is about all of them.
func (n Node) List(ctx context.Context, img Image, which []int) (map[digest.Digest]layers.Made, error) {
	return n.list(ctx, img, which, func(s *store, i int) mounts {
		upper := s.image(ctx, img.Layers[:i+1], img.DiffIDs[:i+1])
		if i == 0 {
			return mounts{"changed": upper}
		}
		lower := s.image(ctx, img.Layers[:i], img.DiffIDs[:i])
		return mounts{"lower": lower, "upper": upper, "changed": llb.Diff(lower, upper, llb.Platform(n.Platform))}
	})
}

// ListApart is List for layers that were made without those below them, as by COPY --link. BuildKit unpacks others, and they have no listing if
// they remove something.
func (n Node) ListApart(ctx context.Context, img Image, which []int) (map[digest.Digest]layers.Made, error) {
	return n.list(ctx, img, which, func(s *store, i int) mounts {
		return mounts{"changed": s.image(ctx, img.Layers[i:i+1], img.DiffIDs[i:i+1])}
	})
}

// mounts are what the step sees of a layer, by the names of package tree.
type mounts map[string]llb.State

func (n Node) list(ctx context.Context, img Image, which []int, of func(*store, int) mounts) (made map[digest.Digest]layers.Made, err error) {
	program, ok, err := nodehelper.For(n.Platform)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNoProgram
	case len(img.Layers) != len(img.DiffIDs):
		return nil, errors.New("the image's configuration does not match its manifest")
	}
	s := newStore(n.Platform)
	run := s.program(ctx, program).Run(
		llb.Args(arguments(img, which)), llb.Platform(n.Platform), llb.Network(pb.NetMode_NONE), llb.WithCustomName("list the files of layers"),
	)
	for _, i := range which {
		for name, state := range of(s, i) {
			run.AddMount("/layers/"+strconv.Itoa(i)+"/"+name, state, llb.Readonly)
		}
	}
	def, err := run.AddMount("/out", llb.Scratch()).Marshal(ctx, llb.Platform(n.Platform))
	if err != nil {
		return nil, err
	}
	opt := client.SolveOpt{Internal: true, OCIStores: s.stores()}
	_, err = n.Builder.Build(ctx, opt, "docker-multiarch", func(ctx context.Context, gw gateway.Client) (*gateway.Result, error) {
		res, err := gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
		if err != nil {
			return nil, err
		}
		ref, err := res.SingleRef()
		if err == nil {
			made, err = results(ctx, ref, img, which)
		}
		return gateway.NewResult(), err
	}, nil)
	return made, err
}

func arguments(img Image, which []int) []string {
	args := []string{nodehelper.Program, "list"}
	for _, i := range which {
		args = append(args, strconv.Itoa(i), img.DiffIDs[i].String())
	}
	return args
}

// results reads what the step has written.
func results(ctx context.Context, ref gateway.Reference, img Image, which []int) (map[digest.Digest]layers.Made, error) {
	made := map[digest.Digest]layers.Made{}
	for _, i := range which {
		b, err := ref.ReadFile(ctx, gateway.ReadRequest{Filename: "/" + strconv.Itoa(i), Range: &gateway.FileRange{Length: maxResult}})
		if err != nil {
			return nil, err
		}
		if m, ok := result(b, img.DiffIDs[i]); ok {
			made[img.Layers[i].Digest] = m
		}
	}
	return made, nil
}

const (
	// maxLine bounds the first line of a result, in bytes.
	maxLine = 1024
	// maxResult is below the size of a message that BuildKit's client takes. A layer with a larger result has no listing here.
	maxResult = listing.MaxWire - maxLine
)

// result reads a layer's result. ok is false if it has no listing.
func result(b []byte, diffID digest.Digest) (m layers.Made, ok bool) {
	line, rest, found := bytes.Cut(b[:min(len(b), maxResult)], []byte("\n"))
	if !found || len(line) > maxLine {
		return layers.Made{}, false
	}
	is, size, _ := strings.Cut(string(line), " ")
	var err error
	if m.Unpacked, err = strconv.ParseInt(size, 10, 64); err != nil || m.Unpacked < 0 || is != diffID.String() {
		return layers.Made{}, false
	}
	m.Listing, err = listing.Decode(rest)
	return m, err == nil
}

// Reason returns why a node does not list layers, for messages.
func Reason(err error) string {
	if exit, ok := errors.AsType[*gatewaypb.ExitError](err); ok {
		return fmt.Sprintf("the program for that ended with status %d", exit.ExitCode)
	}
	return strings.TrimPrefix(err.Error(), "failed to solve: ")
}
