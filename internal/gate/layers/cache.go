package layers

import (
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/cachedir"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

const defaultCacheBytes = 64 << 20

// A cache keeps listings in a folder, one file for each layer.
type cache struct{ cachedir.Folder }

func newCache(dir string, size int64) cache {
	return cache{cachedir.Folder{Dir: dir, Suffix: ".listing", Max: size, MaxFile: min(size/4, listing.MaxCost)}}
}

func nameOf(d digest.Digest) string { return d.Algorithm().String() + "-" + d.Encoded() }

// get returns a layer's listing, or nil if there is none.
func (c cache) get(d digest.Digest) *listing.Listing {
	b := c.Get(nameOf(d))
	if b == nil {
		return nil
	}
	l, err := decode(b)
	if err != nil {
		c.Remove(nameOf(d))
		return nil
	}
	return l
}

// put stores a layer's listing.
func (c cache) put(d digest.Digest, l *listing.Listing) {
	if c.Dir != "" {
		c.Put(nameOf(d), encode(l))
	}
}
