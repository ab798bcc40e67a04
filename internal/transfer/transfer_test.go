package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
)

// store has blobs, and counts how often they are read.
type store struct {
	blobs map[digest.Digest]string
	reads int
	fails error
}

func (s *store) Fetch(_ context.Context, d ocispecs.Descriptor) (io.ReadCloser, error) {
	text, ok := s.blobs[d.Digest]
	switch {
	case s.fails != nil:
		return nil, s.fails
	case !ok:
		return nil, errdef.ErrNotFound
	}
	s.reads++
	return io.NopCloser(bytes.NewReader([]byte(text))), nil
}

func of(texts ...string) *store {
	s := &store{blobs: map[digest.Digest]string{}}
	for _, text := range texts {
		s.blobs[digest.FromString(text)] = text
	}
	return s
}

func blob(text string) ocispecs.Descriptor {
	return ocispecs.Descriptor{Digest: digest.FromString(text), Size: int64(len(text))}
}

func read(t *testing.T, from interface {
	Fetch(context.Context, ocispecs.Descriptor) (io.ReadCloser, error)
}, text string,
) error {
	t.Helper()
	r, err := from.Fetch(t.Context(), blob(text))
	if err != nil {
		return err
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != text {
		t.Errorf("%q, %v; want %q", got, err, text)
	}
	return r.Close()
}

func TestOnlyExpectedBlobsAreCountedAndEachOnce(t *testing.T) {
	var m transfer.Meter
	m.Expect(blob("layer"), blob("other layer"), blob("layer"))
	from := m.Through(of("layer", "config"))
	for _, text := range []string{"layer", "config"} {
		if err := read(t, from, text); err != nil {
			t.Fatal(err)
		}
	}
	if done, total := m.Bytes(); done != 5 || total != 16 {
		t.Errorf("%d of %d", done, total)
	}
	var none *transfer.Meter
	none.Expect(blob("layer"))
	if err := read(t, none.Through(of("layer")), "layer"); err != nil {
		t.Error(err)
	}
	if done, total := none.Bytes(); done+total != 0 {
		t.Errorf("%d of %d", done, total)
	}
}

func TestABlobThatHasArrivedIsNotReadAgain(t *testing.T) {
	node, here := of("layer", "other"), of("layer")
	o := transfer.NewOnce(node)
	for _, arrived := range []bool{false, true} {
		if arrived {
			o.Arrived(here)
		}
		for _, text := range []string{"layer", "other"} {
			if err := read(t, o, text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if node.reads != 3 || here.reads != 1 {
		t.Errorf("%d reads at the node, %d here", node.reads, here.reads)
	}
	if err := read(t, o, "none"); !errors.Is(err, errdef.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	here.fails = errors.New("the disk is broken")
	if err := read(t, o, "layer"); !errors.Is(err, here.fails) {
		t.Errorf("got %v", err)
	}
}
