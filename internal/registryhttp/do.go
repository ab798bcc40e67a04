package registryhttp

import (
	"fmt"
	"net/http"
	"strings"
)

// Do sends a request of oras-go to a registry by send, and returns the answer as oras-go expects it.
func Do(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	resp, err := send(req)
	if err != nil {
		return nil, err
	}
	switch {
	case req.Method == http.MethodHead && headFails(req, resp):
		discard(resp)
		return getForHead(req, send)
	case req.Method == http.MethodHead:
		setHeadType(resp)
	case req.Method == http.MethodGet && isManifest(req):
		if err := setManifestType(req, resp); err != nil {
			discard(resp)
			return nil, fmt.Errorf("%s %q: %w", req.Method, req.URL.Redacted(), err)
		}
	case req.Method == http.MethodPut && isManifest(req):
		setCreated(resp)
	}
	return resp, nil
}

// setCreated gives every success the status 201: registries answer the writing of a manifest with 200, 202 or 204, too.
func setCreated(resp *http.Response) {
	if IsSuccess(resp) {
		resp.StatusCode = http.StatusCreated
	}
}

// SetOK gives every success the status 200: token servers answer with 201, too.
func SetOK(resp *http.Response) {
	if IsSuccess(resp) {
		resp.StatusCode = http.StatusOK
	}
}

// IsSuccess reports whether a registry did what it was asked to.
func IsSuccess(resp *http.Response) bool { return resp.StatusCode/100 == 2 }

func isManifest(req *http.Request) bool { return strings.Contains(req.URL.Path, "/manifests/") }

// discard closes an answer that is not read to its end.
func discard(resp *http.Response) { _ = resp.Body.Close() } // nothing depends on it
