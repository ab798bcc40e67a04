package cachejoin

import (
	"encoding/json"
	"errors"
	"fmt"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// maxRead is the size up to which BuildKit reads the manifest and the config of a cache (cache/remotecache/import.go, readBlob).
const maxRead = 1 << 20

// maxEntries is how many layers, and how many records, a config has. Real entries are so long that fewer fit into maxRead.
const maxEntries = 16 << 10

// ParseConfig reads the config of a cache, which is not trusted: all indexes of the result are in range, and nothing in it depends on itself.
func ParseConfig(body []byte) (c types.CacheConfig, err error) {
	if len(body) > maxRead {
		return c, fmt.Errorf("a config of %d bytes is larger than BuildKit reads (%d)", len(body), maxRead)
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return types.CacheConfig{}, err
	}
	if len(c.Layers) > maxEntries || len(c.Records) > maxEntries {
		return types.CacheConfig{}, fmt.Errorf("%d layers and %d records are more than %d", len(c.Layers), len(c.Records), maxEntries)
	}
	if err := checkLayers(c.Layers); err != nil {
		return types.CacheConfig{}, err
	}
	if err := checkRecords(c); err != nil {
		return types.CacheConfig{}, err
	}
	return c, nil
}

func checkLayers(layers []types.CacheLayer) error {
	for i, l := range layers {
		if err := l.Blob.Validate(); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		if l.ParentIndex < -1 || l.ParentIndex >= len(layers) {
			return fmt.Errorf("layer %d: there is no layer %d", i, l.ParentIndex)
		}
	}
	return acyclic("layer", len(layers), func(i int, visit func(int)) {
		if parent := layers[i].ParentIndex; parent >= 0 {
			visit(parent)
		}
	})
}

func checkRecords(c types.CacheConfig) error {
	for i, r := range c.Records {
		if err := checkRecord(c, r); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return acyclic("record", len(c.Records), func(i int, visit func(int)) {
		for _, inputs := range c.Records[i].Inputs {
			for _, in := range inputs {
				visit(in.LinkIndex)
			}
		}
	})
}

func checkRecord(c types.CacheConfig, r types.CacheRecord) error {
	if r.Digest == "" {
		return errors.New("it has no digest")
	}
	for _, l := range layersOf(r) {
		if l < 0 || l >= len(c.Layers) {
			return fmt.Errorf("there is no layer %d", l)
		}
	}
	for _, inputs := range r.Inputs {
		if len(inputs) == 0 {
			return errors.New("an input has no record")
		}
		for _, in := range inputs {
			if in.LinkIndex < 0 || in.LinkIndex >= len(c.Records) {
				return fmt.Errorf("there is no record %d", in.LinkIndex)
			}
		}
	}
	return nil
}

// layersOf returns the layers that the results of a record name.
func layersOf(r types.CacheRecord) (layers []int) {
	for _, res := range r.Results {
		layers = append(layers, res.LayerIndex)
	}
	for _, res := range r.ChainedResults {
		layers = append(layers, res.LayerIndexes...)
	}
	return layers
}

// acyclic returns an error if one of n entries depends on itself; needs calls visit with each entry that entry i depends on.
func acyclic(what string, n int, needs func(i int, visit func(int))) error {
	const visiting, done = 1, 2
	state := make([]int8, n)
	looping := -1
	var visit func(int)
	visit = func(i int) {
		switch state[i] {
		case visiting:
			looping = i
		case 0:
			state[i] = visiting
			needs(i, visit)
			state[i] = done
		}
	}
	for i := range n {
		if visit(i); looping >= 0 {
			return fmt.Errorf("%s %d depends on itself", what, looping)
		}
	}
	return nil
}

// blobs are the descriptors of a cache's layers, by digest.
type blobs map[digest.Digest]ocispecs.Descriptor

// add adds a layer's descriptor, unless there is one of the same digest, or it is of no layer. It keeps the fields that BuildKit's export
// writes, and not an address elsewhere or data in the descriptor.
func (b blobs) add(d ocispecs.Descriptor) {
	if _, ok := b[d.Digest]; !ok && d.Digest.Validate() == nil && manifest.FamilyOf(d.MediaType) == "" {
		b[d.Digest] = ocispecs.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size, Annotations: d.Annotations}
	}
}
