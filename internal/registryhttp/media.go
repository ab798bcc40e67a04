package registryhttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// setManifestType gives the answer to the GET of a manifest the media type of its body. Registries answer with application/json,
// text/html, no type, or one type for all. A body that is too large to be a manifest is left alone.
func setManifestType(req *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK || resp.ContentLength < 0 || resp.ContentLength > document.MaxBytes {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, document.MaxBytes+1))
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	mediaType, err := ManifestType(asked(req), resp.Header.Get("Content-Type"), body)
	if isByDigest(req) && errors.As(err, new(*json.SyntaxError)) {
		mediaType, err = baseType(resp.Header.Get("Content-Type")), nil // the check of the digest says more
	}
	if err != nil {
		return err
	}
	resp.Header = resp.Header.Clone()
	resp.Header.Set("Content-Type", mediaType)
	return nil
}

// ManifestType returns the media type of a manifest or an index that a registry has sent. That is the body's mediaType field.
// Without that field it is the type that was asked for, if there is only one: a descriptor's. Otherwise it is the Content-Type, if it
// was asked for and the body is of that kind, else OCI's type for the kind of the body (Docker's documents all have the field).
//
// A body that is both an index and a manifest is refused (CVE-2021-41190), and one that is neither.
func ManifestType(asked []string, contentType string, body []byte) (string, error) {
	var doc struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Config    json.RawMessage `json:"config"`
		Layers    json.RawMessage `json:"layers"`
	}
	sent := baseType(contentType)
	if err := json.Unmarshal(body, &doc); err != nil {
		return "", fmt.Errorf("the registry answers with %q, and not with a manifest: %w", contentType, err)
	}
	isIndex, isManifest := doc.Manifests != nil, doc.Config != nil || doc.Layers != nil
	switch {
	case isIndex && isManifest:
		return "", fmt.Errorf("the registry's document is both an index and a manifest: it has %q and %q", "manifests", "layers or config")
	case doc.MediaType != "":
		return doc.MediaType, nil
	case len(asked) == 1 && asked[0] != "":
		return asked[0], nil
	case slices.Contains(asked, sent) && (isIndexType(sent) == isIndex || !isIndex && !isManifest):
		return sent, nil
	case isIndex:
		return ocispecs.MediaTypeImageIndex, nil
	case isManifest:
		return ocispecs.MediaTypeImageManifest, nil
	}
	return sent, nil
}

// baseType returns a media type without its parameters, such as a charset.
func baseType(contentType string) string {
	if base, _, err := mime.ParseMediaType(contentType); err == nil {
		return base
	}
	return "application/octet-stream"
}

func isIndexType(mediaType string) bool {
	return strings.Contains(mediaType, "index") || strings.Contains(mediaType, "list")
}
