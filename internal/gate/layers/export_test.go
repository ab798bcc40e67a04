package layers

import (
	"bytes"
	"slices"

	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
)

// DecodePlain is exported for tests of package layers_test.
var DecodePlain = decodePlain

// Plain returns a listing without compression.
func Plain(l *listing.Listing) []byte {
	var parts [][]byte
	for part := range plainParts(l) {
		parts = append(parts, bytes.Clone(part))
	}
	return slices.Concat(parts...)
}
