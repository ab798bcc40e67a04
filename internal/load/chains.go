package load

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
)

// searched bounds how many images are searched for layers that the engine might have. A search takes some milliseconds per image,
// and may avoid sending a base image.
const searched = 24

// chainIDs returns the names that engines use for layers on top of those below them
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid).
func chainIDs(diffIDs []digest.Digest) []digest.Digest {
	return identity.ChainIDs(slices.Clone(diffIDs))
}

// search looks for layers in the engine's newest images, until all are found or enough images were searched. The images that had
// the names before were searched already, and mostly have the layers.
func (s *classicStore) search(ctx context.Context, needed []digest.Digest) error {
	if !s.lacks(needed) {
		return nil
	}
	ids, err := s.engine.ImageIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids[:min(len(ids), searched)] {
		if !s.lacks(needed) {
			return nil
		}
		if _, err := s.inspect(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *classicStore) lacks(needed []digest.Digest) bool {
	return slices.ContainsFunc(needed, func(chain digest.Digest) bool { return !s.chains[chain] })
}

// checkCompression returns an error when the engine is too old for the compression of an image's layers: engines before 23.0 treat zstd as a
// broken archive (https://docs.docker.com/engine/release-notes/23.0/#2300).
func (s *classicStore) checkCompression(ctx context.Context, img image) error {
	info, err := s.engine.Info(ctx)
	if err != nil {
		return err
	}
	major, _, _ := strings.Cut(info.Version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < 17 || n >= 23 {
		return nil
	}
	for _, layer := range img.node.Layers {
		if strings.HasSuffix(layer.MediaType, "+zstd") {
			return refuse("engine %s cannot take layers that are compressed with zstd: compress them with gzip (compression=gzip), or use an engine from 23.0 on",
				info.Version)
		}
	}
	return nil
}
