package builder

import (
	"testing"

	cerrdefs "github.com/containerd/errdefs"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestABlobThatIsMissingIsToldFromABrokenConnection(t *testing.T) {
	t.Parallel()
	missing, broken := blobError(ocispecs.Descriptor{}, status.Error(codes.NotFound, "no blob")), blobError(ocispecs.Descriptor{}, status.Error(codes.Unavailable, "EOF"))
	if !cerrdefs.IsNotFound(missing) || status.Code(missing) == codes.Unavailable {
		t.Errorf("a missing blob: %v", missing)
	}
	if cerrdefs.IsNotFound(broken) || status.Code(broken) != codes.Unavailable {
		t.Errorf("a broken connection: %v", broken)
	}
}
