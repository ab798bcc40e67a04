package registryhttp

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// headFails reports whether the answer to a HEAD says less than the answer to a GET would. Some registries refuse the method, as
// does storage to which a GET was redirected with a signature. Others leave out the size, or a tag's media type and digest.
func headFails(req *http.Request, resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented:
		return true
	case http.StatusOK:
	default:
		return false
	}
	if !isManifest(req) {
		return resp.ContentLength < 0
	}
	if resp.ContentLength <= 0 {
		return true
	}
	return !isByDigest(req) && (resp.Header.Get(digestHeader) == "" || !slices.Contains(asked(req), baseType(resp.Header.Get("Content-Type"))))
}

const digestHeader = "Docker-Content-Digest"

func isByDigest(req *http.Request) bool {
	return strings.Contains(req.URL.Path[strings.LastIndexByte(req.URL.Path, '/'):], ":")
}

// asked returns the media types that a request accepts.
func asked(req *http.Request) []string { return strings.Split(req.Header.Get("Accept"), ", ") }

// setHeadType adds a media type where a registry sends none: oras-go refuses that. The answer to a question by digest is used without its type.
func setHeadType(resp *http.Response) {
	if mediaType := resp.Header.Get("Content-Type"); baseType(mediaType) != mediaType {
		resp.Header = resp.Header.Clone()
		resp.Header.Set("Content-Type", baseType(mediaType))
	}
}

// getForHead asks by a GET. A tag's digest is that of the body, where the registry does not say it. Of a blob it asks for the first
// byte only, and for the whole if the registry has no ranges.
func getForHead(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	get := req.Clone(req.Context())
	get.Method = http.MethodGet
	if isManifest(req) {
		resp, err := Do(get, send)
		if err == nil && resp.StatusCode == http.StatusOK && !isByDigest(req) && resp.Header.Get(digestHeader) == "" {
			err = setDigest(resp)
		}
		return resp, err
	}
	get.Header.Set("Range", "bytes=0-0")
	resp, err := send(get)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusPartialContent {
		return wholeSize(resp)
	}
	if RefusesRange(resp) {
		discard(resp)
		get.Header.Del("Range")
		return send(get)
	}
	return resp, nil
}

// setDigest adds the digest of the body.
func setDigest(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, document.MaxBytes))
	discard(resp)
	resp.Body = http.NoBody
	resp.Header.Set(digestHeader, digest.FromBytes(body).String())
	return err
}

// RefusesRange reports whether the answer to a request with a Range is that of a registry without ranges.
func RefusesRange(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented:
		return true
	}
	return false
}

// wholeSize makes the answer with the first byte one with the size of the whole.
func wholeSize(resp *http.Response) (*http.Response, error) {
	discard(resp)
	var size int64
	if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes 0-0/%d", &size); err != nil {
		return nil, fmt.Errorf("the registry was asked for the first byte of a blob, and sent %q", resp.Header.Get("Content-Range"))
	}
	resp.StatusCode, resp.ContentLength, resp.Body = http.StatusOK, size, http.NoBody
	return resp, nil
}
