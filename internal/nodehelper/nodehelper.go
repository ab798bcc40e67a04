// Package nodehelper has a small program of ours for the machines of nodes, as a layer of an image. BuildKit runs it in a step where the
// result of a question about many files is small, and the way to the client long: see the command in package program for its jobs. A node
// gets the layer once, and keeps it as it keeps every layer.
//
// The layers are made by make.sh and are part of the repository. They make this program larger by their size: 0.8 MB for each architecture.
package nodehelper

import (
	"embed"
	"fmt"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

//go:generate ./make.sh

//go:embed layers
var layers embed.FS

// Program is the path of the program in the layer.
const Program = "/docker-multiarch-node"

// maxLayer bounds an unpacked layer, in bytes.
const maxLayer = 64 << 20

// Layer is an image's layer with the program.
type Layer struct {
	Descriptor ocispecs.Descriptor
	DiffID     digest.Digest
	Blob       []byte // read-only
}

// For returns the layer for the machines of a platform. ok is false if there is none.
func For(p platform.Platform) (l Layer, ok bool, err error) {
	if p.OS != "linux" {
		return Layer{}, false, nil
	}
	blob, err := layers.ReadFile("layers/" + p.Architecture + ".tar.zst")
	if err != nil {
		return Layer{}, false, nil // an architecture of few nodes
	}
	plain, err := unpack(blob)
	if err != nil {
		return Layer{}, false, err
	}
	desc := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayerZstd, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	return Layer{Descriptor: desc, DiffID: digest.FromBytes(plain), Blob: blob}, true, nil
}

func unpack(blob []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxLayer))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	plain, err := d.DecodeAll(blob, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack the program for nodes: %w", err)
	}
	return plain, nil
}
