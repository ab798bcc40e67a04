package cachejoin

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Share is the cache that one node has exported.
type Share struct {
	// Node is the node's name; "" is for a cache without a mark, as BuildKit exports it.
	Node string
	// Renewed is when the share was last exported.
	Renewed time.Time
	// Config has valid indexes only, as [ParseConfig] returns it. Source is the descriptor of the blob that it was read from.
	Config types.CacheConfig
	Source ocispecs.Descriptor
	// Blobs are the descriptors of the layers that exist. A layer without one is left out, with all results that need it.
	Blobs map[digest.Digest]ocispecs.Descriptor
}

// Join returns one config with what all shares have, and the descriptors of its layers. The order of the shares does not matter, except that
// a layer of several shares gets the descriptor of the first one. The indexes of a share's entries are shifted; equal layers (the same blob
// on the same parents) and equal records (the same digest with the same inputs) become one, with the results of both.
func Join(shares []Share) (types.CacheConfig, []ocispecs.Descriptor) {
	described := blobs{}
	for _, s := range shares {
		for _, d := range s.Blobs {
			described.add(d)
		}
	}
	sorted := slices.SortedStableFunc(slices.Values(shares), func(a, b Share) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Source.Digest, b.Source.Digest))
	})
	j := joiner{layers: map[types.CacheLayer]int{}, records: map[string]int{}}
	for _, s := range sorted {
		p := part{joiner: &j, share: s, layers: map[int]int{}, records: map[int]int{}}
		for i := range s.Config.Records {
			p.record(i)
		}
	}
	var used []ocispecs.Descriptor
	for _, l := range j.config.Layers {
		if d, ok := described[l.Blob]; ok {
			used = append(used, d)
			delete(described, l.Blob)
		}
	}
	return j.config, used
}

// joiner has the joined config so far, and finds equal entries in it.
type joiner struct {
	config  types.CacheConfig
	layers  map[types.CacheLayer]int // without annotations
	records map[string]int
}

// part is one share while it is added: the indexes that its entries have got.
type part struct {
	*joiner
	share   Share
	layers  map[int]int // -1: the layer is left out
	records map[int]int
}

// layer adds a layer with its parents, and returns its index; -1 if one of them does not exist.
func (p part) layer(i int) int {
	if at, ok := p.layers[i]; ok {
		return at
	}
	l, at := p.share.Config.Layers[i], -1
	parent := l.ParentIndex
	if parent >= 0 {
		parent = p.layer(parent)
	}
	if _, exists := p.share.Blobs[l.Blob]; exists && (l.ParentIndex < 0 || parent >= 0) {
		at = p.joinedLayer(types.CacheLayer{Blob: l.Blob, ParentIndex: parent}, l.Annotations)
	}
	p.layers[i] = at
	return at
}

func (j *joiner) joinedLayer(l types.CacheLayer, annotations *types.LayerAnnotations) int {
	if at, ok := j.layers[l]; ok {
		return at
	}
	at := len(j.config.Layers)
	j.layers[l] = at
	l.Annotations = annotations
	j.config.Layers = append(j.config.Layers, l)
	return at
}

// record adds a record with those that it depends on, and returns its index.
func (p part) record(i int) int {
	if at, ok := p.records[i]; ok {
		return at
	}
	r := p.share.Config.Records[i]
	inputs := make([][]types.CacheInput, len(r.Inputs))
	for k, links := range r.Inputs {
		for _, in := range links {
			inputs[k] = append(inputs[k], types.CacheInput{Selector: in.Selector, LinkIndex: p.record(in.LinkIndex)})
		}
		slices.SortFunc(inputs[k], func(a, b types.CacheInput) int {
			return cmp.Or(cmp.Compare(a.LinkIndex, b.LinkIndex), cmp.Compare(a.Selector, b.Selector))
		})
		inputs[k] = slices.Compact(inputs[k])
	}
	at := p.joinedRecord(r.Digest, inputs)
	p.records[i] = at
	p.results(&p.config.Records[at], r)
	return at
}

func (j *joiner) joinedRecord(dgst digest.Digest, inputs [][]types.CacheInput) int {
	key, _ := json.Marshal(types.CacheRecord{Digest: dgst, Inputs: inputs}) // such a value can always be written
	if at, ok := j.records[string(key)]; ok {
		return at
	}
	at := len(j.config.Records)
	j.records[string(key)] = at
	j.config.Records = append(j.config.Records, types.CacheRecord{Digest: dgst, Inputs: inputs})
	return at
}

// results adds the results of a share's record to the joined one. Of two equal results the time of the later one is kept, since BuildKit
// prefers the latest of several.
func (p part) results(into *types.CacheRecord, r types.CacheRecord) {
	for _, res := range r.Results {
		at := p.layer(res.LayerIndex)
		if at < 0 {
			continue
		}
		k := slices.IndexFunc(into.Results, func(have types.CacheResult) bool { return have.LayerIndex == at })
		if k < 0 {
			into.Results = append(into.Results, types.CacheResult{LayerIndex: at, CreatedAt: res.CreatedAt})
		} else {
			into.Results[k].CreatedAt = later(into.Results[k].CreatedAt, res.CreatedAt)
		}
	}
	for _, res := range r.ChainedResults {
		p.chain(into, res)
	}
}

func (p part) chain(into *types.CacheRecord, res types.ChainedResult) {
	joined := types.ChainedResult{CreatedAt: res.CreatedAt}
	for _, l := range res.LayerIndexes {
		at := p.layer(l)
		if at < 0 { // the layers of a chain are loaded without their parents
			blob := p.share.Config.Layers[l].Blob
			if _, exists := p.share.Blobs[blob]; !exists {
				return
			}
			at = p.joinedLayer(types.CacheLayer{Blob: blob, ParentIndex: -1}, nil)
		}
		joined.LayerIndexes = append(joined.LayerIndexes, at)
	}
	k := slices.IndexFunc(into.ChainedResults, func(have types.ChainedResult) bool {
		return slices.Equal(have.LayerIndexes, joined.LayerIndexes)
	})
	if k < 0 {
		into.ChainedResults = append(into.ChainedResults, joined)
	} else {
		into.ChainedResults[k].CreatedAt = later(into.ChainedResults[k].CreatedAt, res.CreatedAt)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
