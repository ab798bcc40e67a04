package faultregistry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
)

// Network is a network in the test's own process: the handlers of its hosts, by HOST:PORT. It carries the requests of a client
// without connections, so that a test can make very many of them.
type Network map[string]http.Handler

// RoundTrip lets the host's handler answer. A handler that aborts breaks the answer off.
func (n Network) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	handler, ok := n[req.URL.Host]
	if !ok {
		return nil, fmt.Errorf("no such host: %s", req.URL.Host)
	}
	defer func() {
		if recover() != nil {
			resp, err = nil, io.ErrUnexpectedEOF
		}
	}()
	arrived := req.Clone(req.Context())
	arrived.Host, arrived.RequestURI = req.URL.Host, req.URL.RequestURI()
	if arrived.Body == nil {
		arrived.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, arrived)
	if ctx := req.Context(); ctx.Err() != nil { // the handler may have waited for that
		return nil, ctx.Err()
	}
	if err := arrived.Body.Close(); err != nil {
		return nil, err
	}
	resp = answer.Result()
	resp.Request = req
	if req.Method == http.MethodHead {
		resp.Body = http.NoBody
	}
	return resp, nil
}
