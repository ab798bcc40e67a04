package solve

import (
	"encoding/csv"
	"fmt"
	"strings"
)

// ScannerError says that the image that lists an image's packages could not be had.
type ScannerError struct {
	Image string
	Err   error
}

func (e *ScannerError) Error() string {
	return fmt.Sprintf("the SBOM scanner image %s cannot be had: %v", e.Image, e.Err)
}
func (e *ScannerError) Unwrap() error { return e.Err }

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

// scanned explains the error of a solve that looked for the scanner in vain. BuildKit has no type for it.
func (r Request) scanned(err error) error {
	image := r.scanner()
	if err == nil || image == "" || !strings.Contains(err.Error(), "resolve source metadata for") || !strings.Contains(err.Error(), image) {
		return err
	}
	return &ScannerError{image, err}
}
