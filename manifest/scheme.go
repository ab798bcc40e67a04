package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
)

// detectScheme finds out which scheme the registry speaks, once. Only registries that may speak more than one are asked; any answer
// over a scheme determines it. A failure is not kept: the next request asks again.
func (e *endpoint) detectScheme(ctx context.Context) (string, error) {
	if s := e.scheme.Load(); s != nil {
		return *s, nil
	}
	select {
	case <-e.detecting:
		defer func() { e.detecting <- struct{}{} }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if s := e.scheme.Load(); s != nil {
		return *s, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "any://"+e.host()+"/v2/", nil)
	if err != nil {
		return "", err
	}
	resp, err := e.probe(req)
	if err != nil {
		return "", err
	}
	discard(resp)
	return *e.scheme.Load(), nil
}

// probe sends a request without a login over each scheme, until one is answered.
func (e *endpoint) probe(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Scheme = "any"
	if req.Header == nil {
		req.Header = http.Header{}
	}
	maps.Copy(req.Header, e.auth.Header)
	resp, err := e.transport.over(schemeProbe{endpoint: e}).RoundTrip(req)
	if err == nil {
		e.transport.answered.Store(true)
	}
	return resp, err
}

// first sends a request to a registry whose scheme is not known yet, and so determines it: it goes without a login, as any first
// request does. The result is nil if the answer requires more; then the request is to be sent as usual. Only a GET may go over
// both schemes: it reveals nothing, and the body of the answer shows a TLS server.
func (e *endpoint) first(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || e.scheme.Load() != nil {
		return nil, nil
	}
	resp, err := e.probe(req)
	if err != nil {
		return nil, err
	}
	// Another request may have determined another scheme meanwhile; that one applies to all.
	if same := resp.Request != nil && resp.Request.URL.Scheme == *e.scheme.Load(); same && !needsFollowUp(resp.StatusCode) {
		return resp, nil
	}
	discard(resp)
	return nil, nil
}

// needsFollowUp reports whether a simple GET cannot handle an answer: a login, a redirect, and the answer whose body was read to
// recognise a TLS server.
func needsFollowUp(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusBadRequest ||
		status >= http.StatusMultipleChoices && status < http.StatusBadRequest
}

// schemeProbe sends a request over each scheme in turn until one answers. It is below the retries, so that a temporary failure of
// a registry does not count as an unsupported scheme.
type schemeProbe struct{ endpoint *endpoint }

func (p schemeProbe) RoundTrip(req *http.Request) (*http.Response, error) {
	var failures []error // one for each of the two candidates
	for _, scheme := range p.endpoint.candidates {
		try := req.Clone(req.Context())
		try.URL.Scheme = scheme
		resp, err := p.endpoint.transport.base.RoundTrip(try)
		if err == nil && scheme == "http" && wantsHTTPS(resp) {
			err = errors.Join(errors.New("the registry speaks HTTPS"), resp.Body.Close())
		}
		if err == nil {
			p.endpoint.scheme.CompareAndSwap(nil, &scheme)
			return resp, nil
		}
		if ctxErr := context.Cause(req.Context()); ctxErr != nil {
			return nil, err
		}
		failures = append(failures, fmt.Errorf("%s: %w", scheme, err))
	}
	return nil, fmt.Errorf("%w; %w", failures[0], failures[1])
}

// wantsHTTPS reports whether an answer is that of a TLS server to a plain request: Go's, nginx's and Apache's all name HTTPS in a
// 400.
func wantsHTTPS(resp *http.Response) bool {
	if resp.StatusCode != http.StatusBadRequest {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if err != nil {
		return true // no registry cuts its answer to this request short
	}
	return bytes.Contains(body, []byte("HTTPS"))
}
