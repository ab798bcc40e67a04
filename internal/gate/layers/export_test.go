package layers

import (
	"bytes"
	"slices"
)

// These are exported for tests of package layers_test.
var (
	Scan        = scan
	DecodePlain = decodePlain
)

// Plain returns a listing without compression.
func Plain(l *Listing) []byte {
	var parts [][]byte
	for part := range l.plain() {
		parts = append(parts, bytes.Clone(part))
	}
	return slices.Concat(parts...)
}
