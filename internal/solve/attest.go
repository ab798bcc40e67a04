package solve

import (
	"encoding/csv"
	"strings"
)

// defaultScanner is BuildKit's (frontend/attestations/parse.go).
const defaultScanner = "docker/buildkit-syft-scanner:stable-1"

// scanner is the image that makes the SBOM; "" if none is asked for.
func (r Request) scanner() string {
	attrs, ok := r.Attests["sbom"]
	if !ok {
		return ""
	}
	fields, err := csv.NewReader(strings.NewReader(attrs)).Read()
	if err != nil {
		return defaultScanner // BuildKit will say it better
	}
	for _, f := range fields {
		if image, ok := strings.CutPrefix(f, "generator="); ok {
			return image
		}
	}
	return defaultScanner
}
