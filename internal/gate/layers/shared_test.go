package layers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
)

// An image whose examination ends early must not abort the read of a layer that another image waits for.
func TestALayerWhoseReaderIsStoppedIsReadForTheOthers(t *testing.T) {
	empty := make([]byte, 1024) // a tar archive without entries
	layer := ocispecs.Descriptor{MediaType: ocispecs.MediaTypeImageLayer, Digest: digest.FromBytes(empty), Size: int64(len(empty))}
	reading := make(chan struct{})
	first := true
	l := layers.Lister{Fetch: func(ctx context.Context, _ ocispecs.Descriptor) (io.ReadCloser, error) {
		if first {
			first = false
			close(reading)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return io.NopCloser(bytes.NewReader(empty)), nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() {
		_, err := l.List(ctx, layer, false)
		stopped <- err
	}()
	<-reading
	other := make(chan error)
	go func() {
		_, err := l.List(t.Context(), layer, false)
		other <- err
	}()
	stop()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who was stopped: %v", err)
	}
	if err := <-other; err != nil {
		t.Errorf("the other one: %v", err)
	}
}
