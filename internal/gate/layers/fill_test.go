package layers_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// elsewhere is the listing of one file, which no layer of the tests has.
func elsewhere() *listing.Listing {
	return &listing.Listing{Entries: []listing.Entry{{Path: "elsewhere", Type: listing.File}}}
}

func TestLayersThatAreListedElsewhereAreNotRead(t *testing.T) {
	s, dir := newStore(), t.TempDir()
	one, two, other := s.Put(layerOf(t, file("one"))), s.Put(layerOf(t, file("two"))), s.Put(layerOf(t, file("other")))
	all := []ocispecs.Descriptor{one, two, one, {MediaType: "text/plain", Digest: other.Digest}}
	var asked [][]digest.Digest
	l := &layers.Lister{Fetch: s.Fetch, Cache: dir}
	fill := func(l *layers.Lister) {
		l.Fill(all, func(missing []digest.Digest) map[digest.Digest]layers.Made {
			asked = append(asked, missing)
			return map[digest.Digest]layers.Made{one.Digest: {Listing: elsewhere()}, other.Digest: {Listing: elsewhere()}}
		})
	}
	fill(l)
	fill(l)
	fill(&layers.Lister{Fetch: s.Fetch, Cache: dir}) // another build, which finds one in the folder
	if diff := cmp.Diff([][]digest.Digest{{one.Digest, two.Digest}, {two.Digest}, {two.Digest}}, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	for desc, path := range map[*ocispecs.Descriptor]string{&one: "elsewhere", &two: "two", &other: "other"} {
		made, err := l.List(t.Context(), *desc, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := made.Find(path); !ok {
			t.Errorf("%q is not in %+v", path, made)
		}
	}
	if s.Count[one.Digest] > 0 || s.Count[two.Digest] != 1 || s.Count[other.Digest] != 1 {
		t.Errorf("reads: %v", s.Count)
	}
}

// A layer of a size that reading has something to say about is read.
func TestALayerThatUnpacksToVeryMuchIsRead(t *testing.T) {
	s := newStore()
	desc := s.Put(layerOf(t, file("small")))
	for size, path := range map[int64]string{100 * desc.Size: "elsewhere", 100*desc.Size + 1: "small", 1 << 40: "small"} {
		l := &layers.Lister{Fetch: s.Fetch}
		l.Fill([]ocispecs.Descriptor{desc}, func([]digest.Digest) map[digest.Digest]layers.Made {
			return map[digest.Digest]layers.Made{desc.Digest: {Listing: elsewhere(), Unpacked: size}}
		})
		made, err := l.List(t.Context(), desc, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := made.Find(path); !ok {
			t.Errorf("of %d bytes: %+v", size, made)
		}
	}
}

func TestALayerIsNotReadWhileItIsListedElsewhere(t *testing.T) {
	s := newStore()
	desc := s.Put(layerOf(t, file("read")))
	l := &layers.Lister{Fetch: s.Fetch}
	listed := make(chan error)
	l.Fill([]ocispecs.Descriptor{desc}, func([]digest.Digest) map[digest.Digest]layers.Made {
		go func() {
			made, err := l.List(t.Context(), desc, false)
			if err == nil && len(made.Entries) == 1 && made.Entries[0].Path != "elsewhere" {
				err = errors.New("it was read")
			}
			listed <- err
		}()
		return map[digest.Digest]layers.Made{desc.Digest: {Listing: elsewhere()}}
	})
	if err := <-listed; err != nil {
		t.Error(err)
	}
}
