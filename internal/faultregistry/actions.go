package faultregistry

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
)

// Answer answers with a status. With a code it has a registry's error in the body, without one it is a proxy's answer in HTML.
func Answer(status int, code, message string) Action {
	return AnswerWith(status, code, message, nil)
}

// AnswerWith is Answer with headers, such as Retry-After.
func AnswerWith(status int, code, message string, header http.Header) Action {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for key, values := range header {
			w.Header()[key] = values
		}
		refuse(w, status, code, message)
	}
}

// RetryAfter answers a status with that header.
func RetryAfter(status int, value string) Action {
	return AnswerWith(status, "TOOMANYREQUESTS", "slow down", http.Header{"Retry-After": {value}})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	body := fmt.Sprintf("<html><body>%d %s</body></html>\n", status, http.StatusText(status))
	w.Header().Set("Content-Type", "text/html")
	if code != "" {
		body = fmt.Sprintf("{\"errors\":[{\"code\":%q,\"message\":%q}]}\n", code, message)
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	io.WriteString(w, body) //nolint:errcheck,gosec // the client may be gone
}

// Reset resets the connection instead of answering.
func Reset(w http.ResponseWriter, _ *http.Request, _ http.Handler) { reset(w) }

// ResetBody lets the registry answer, sends that many bytes of the body, and resets the connection.
func ResetBody(n int) Action { return breakBody(n, reset) }

// CutBody is ResetBody, but the connection is closed as if the body were complete.
func CutBody(n int) Action {
	return breakBody(n, func(http.ResponseWriter) { panic(http.ErrAbortHandler) })
}

// StallBody lets the registry answer, sends that many bytes of the body, and then nothing until the client gives up. A body that
// is no longer than that is sent whole.
func StallBody(n int) Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		answer := record(req, next)
		again := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			copyHeader(w, answer)
			w.WriteHeader(answer.Code)
			w.Write(answer.Body.Bytes()) //nolint:errcheck,gosec // the client may be gone
		})
		if answer.Body.Len() <= n {
			again(w, req)
			return
		}
		breakBody(n, func(http.ResponseWriter) { Hang(w, req, next) })(w, req, again)
	}
}

func breakBody(n int, end func(http.ResponseWriter)) Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		answer := record(req, next)
		body := answer.Body.Bytes()
		copyHeader(w, answer)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		w.Write(body[:min(n, len(body))])     //nolint:errcheck,gosec // it is to break
		http.NewResponseController(w).Flush() //nolint:gosec // it is to break
		end(w)
	}
}

// ResetAfter lets the registry serve the request, and resets the connection instead of passing its answer on.
func ResetAfter(w http.ResponseWriter, req *http.Request, next http.Handler) {
	record(req, next)
	reset(w)
}

func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck,gosec // closing then resets
	}
	conn.Close() //nolint:gosec // it is to break
}

// Hang does not answer until the client gives up.
func Hang(_ http.ResponseWriter, req *http.Request, _ http.Handler) {
	io.Copy(io.Discard, req.Body) //nolint:errcheck,gosec // so that the server notices when the client closes
	<-req.Context().Done()
}

// Hide answers that a manifest is unknown.
func Hide(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
}

// Drop answers that a manifest was created, and does not create it.
func Drop(w http.ResponseWriter, req *http.Request, _ http.Handler) {
	io.Copy(io.Discard, req.Body) //nolint:errcheck,gosec // a registry would have read it
	w.WriteHeader(http.StatusCreated)
}

// Then lets the registry serve the request, calls also, and then passes the answer on. A test uses it to write another client's
// tag.
func Then(also func(next http.Handler)) Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		answer := record(req, next)
		also(next)
		copyHeader(w, answer)
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes()) //nolint:errcheck,gosec // the client may be gone
	}
}

// Put writes a manifest into a registry, beside the client's requests; for [Then].
func Put(next http.Handler, path, mediaType string, body []byte) {
	req := httptest.NewRequest(http.MethodPut, path, bytes.NewReader(body))
	req.Header.Set("Content-Type", mediaType)
	record(req, next)
}

// RefuseType answers 415 to manifests of the media types, and passes others on.
func RefuseType(mediaTypes ...string) Action {
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		if slices.Contains(mediaTypes, req.Header.Get("Content-Type")) {
			refuse(w, http.StatusUnsupportedMediaType, "UNSUPPORTED", "media type "+req.Header.Get("Content-Type"))
			return
		}
		next.ServeHTTP(w, req)
	}
}

// Immutable refuses to write a tag that was written through it before, as ECR does for immutable repositories. It is used with
// the matcher TagPut.
func Immutable() Action {
	var mu sync.Mutex
	written := map[string]bool{}
	return func(w http.ResponseWriter, req *http.Request, next http.Handler) {
		mu.Lock()
		defer mu.Unlock()
		if written[req.URL.Path] {
			refuse(w, http.StatusBadRequest, "TAG_INVALID", "the tag exists already and cannot be overwritten because the repository is immutable")
			return
		}
		written[req.URL.Path] = true
		next.ServeHTTP(w, req)
	}
}

func record(req *http.Request, next http.Handler) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, req)
	return answer
}

func copyHeader(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
}
