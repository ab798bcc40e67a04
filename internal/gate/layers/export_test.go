package layers

import (
	"bytes"
	"slices"
)

// For tests from outside.
var (
	Scan        = scan
	DecodePlain = decodePlain
)

// Plain is a listing without compression.
func Plain(l *Listing) []byte {
	var parts [][]byte
	for part := range l.plain() {
		parts = append(parts, bytes.Clone(part))
	}
	return slices.Concat(parts...)
}
