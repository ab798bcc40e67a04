package cachejoin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	types "github.com/moby/buildkit/cache/remotecache/v1/types"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// These annotations mark the config of a node's share in a joined manifest.
const (
	AnnotationNode    = "io.github.docker-multiarch.cache.node"
	AnnotationRenewed = "io.github.docker-multiarch.cache.renewed"
)

// These bound the shares of other nodes in a joined manifest.
const (
	maxShares = 20
	maxAge    = 30 * 24 * time.Hour
	// renewal is how old a mark may be that stays when a node exports the same share again, so that nothing is written then.
	renewal = 24 * time.Hour
)

// listing is the manifest of a cache, as BuildKit or [Target.Join] writes it.
type listing struct {
	config ocispecs.Descriptor
	blobs  blobs
	marks  []mark // none in one of BuildKit
}

// mark is the description of a share in a joined manifest.
type mark struct {
	node    string
	renewed time.Time
	config  ocispecs.Descriptor
}

// readListing reads a manifest. ok is false if it is none of a build cache.
func readListing(mediaType string, body []byte) (l listing, ok bool, err error) {
	var listed []ocispecs.Descriptor
	if manifest.IsIndex(mediaType) {
		index, err := document.Index(body)
		if err != nil {
			return l, false, err
		}
		listed = index.Manifests
	} else {
		m, err := document.Manifest(body)
		if err != nil {
			return l, false, err
		}
		l.config, listed = m.Config, m.Layers
	}
	l.blobs = blobs{}
	for _, d := range listed {
		switch {
		case d.MediaType != types.CacheConfigMediaTypeV0:
			l.blobs.add(d)
		case manifest.IsIndex(mediaType):
			l.config = d
		default:
			renewed, _ := time.Parse(time.RFC3339, d.Annotations[AnnotationRenewed]) // else it is as old as can be
			l.marks = append(l.marks, mark{d.Annotations[AnnotationNode], renewed, d})
		}
	}
	return l, l.config.MediaType == types.CacheConfigMediaTypeV0, nil
}

// shares returns the marks of the shares in a manifest, none of them in the future. A manifest of BuildKit is a share without a name.
func (l listing) shares(now time.Time) []mark {
	if len(l.marks) == 0 {
		return []mark{{renewed: now, config: l.config}}
	}
	marks := slices.Clone(l.marks)
	for i, m := range marks {
		if m.renewed.After(now) {
			marks[i].renewed = now
		}
	}
	return marks
}

// kept returns the marks of the shares that stay when the nodes have exported theirs again, the newest first, at most one for each node.
func kept(marks []mark, exported []Share, now time.Time) (stay []mark) {
	seen := map[string]bool{}
	for _, s := range exported {
		seen[s.Node] = true
	}
	sorted := slices.SortedStableFunc(slices.Values(marks), func(a, b mark) int {
		return cmp.Or(b.renewed.Compare(a.renewed), cmp.Compare(a.node, b.node))
	})
	for _, m := range sorted {
		if !seen[m.node] && now.Sub(m.renewed) <= maxAge && len(stay) < maxShares {
			seen[m.node] = true
			stay = append(stay, m)
		}
	}
	return stay
}

// joined is a joined manifest, and the documents that it is made of.
type joined struct {
	desc      ocispecs.Descriptor
	body      []byte
	config    ocispecs.Descriptor
	configDoc []byte
	listed    []ocispecs.Descriptor
}

// fitting returns the manifest of all exported shares, and of as many others as BuildKit can read with them. The others are ordered from the
// newest to the oldest; those that had to be left out are returned.
func fitting(exported, others []Share) (j joined, left []Share, err error) {
	for n := len(others); n >= 0; n-- {
		if j, err = assemble(append(slices.Clone(exported), others[:n]...)); err != nil {
			return joined{}, nil, err
		}
		if len(j.body) <= maxRead && len(j.configDoc) <= maxRead && len(j.listed) <= document.MaxLayers {
			return j, others[n:], nil
		}
	}
	return joined{}, nil, fmt.Errorf("the joined cache would have %d layers, a manifest of %d bytes and a config of %d; a cache has at most %d, %d and %d",
		len(j.listed), len(j.body), len(j.configDoc), document.MaxLayers, maxRead, maxRead)
}

func assemble(shares []Share) (joined, error) {
	config, layers := Join(shares)
	configDoc, err := json.Marshal(config)
	if err != nil {
		return joined{}, err
	}
	marks := make([]ocispecs.Descriptor, len(shares))
	for i, s := range shares {
		marks[i] = ocispecs.Descriptor{
			MediaType: types.CacheConfigMediaTypeV0, Digest: s.Source.Digest, Size: s.Source.Size,
			Annotations: map[string]string{AnnotationNode: s.Node, AnnotationRenewed: s.Renewed.UTC().Format(time.RFC3339)},
		}
	}
	slices.SortFunc(marks, func(a, b ocispecs.Descriptor) int {
		return strings.Compare(a.Annotations[AnnotationNode], b.Annotations[AnnotationNode])
	})
	j := joined{
		configDoc: configDoc, config: content.NewDescriptorFromBytes(types.CacheConfigMediaTypeV0, configDoc),
		listed: append(layers, marks...),
	}
	j.body, err = json.Marshal(ocispecs.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest, Config: j.config, Layers: j.listed,
	})
	j.desc = content.NewDescriptorFromBytes(ocispecs.MediaTypeImageManifest, j.body)
	return j, err
}
