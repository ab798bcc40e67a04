package buildkitmsg

import (
	"errors"
	"strings"
	"testing"
)

func TestAPushThatFailedForTheMomentIsRecognized(t *testing.T) {
	const put = "unexpected status from PUT request to http://localhost:5000/v2/app/blobs/uploads/1?digest=sha256%3Aab: "
	const request = `failed to do request: Put "http://localhost:5000/v2/app/blobs/uploads/1": `
	for text, want := range map[string]string{
		put + "408 Request Timeout":                         "answered 408 Request Timeout",
		put + "425 Too Early":                               "answered 425 Too Early",
		put + "429 Too Many Requests":                       "answered 429 Too Many Requests",
		put + "500 Internal Server Error":                   "answered 500 Internal Server Error",
		put + "502 Bad Gateway: <html>not found":            "answered 502 Bad Gateway",
		put + "503 Service Unavailable":                     "answered 503 Service Unavailable",
		put + "504 Gateway Timeout":                         "answered 504 Gateway Timeout",
		put + "520 ":                                        "answered 520",
		"toomanyrequests: slow down":                        "answered 429 Too Many Requests",
		"toomanyrequests":                                   "answered 429 Too Many Requests",
		"errors:\ntoomanyrequests: slow down\nunknown: x\n": "answered 429 Too Many Requests",
		"unavailable: service unavailable":                  "answered 503 Service Unavailable",
		"failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://a/token: 503 Busy": "answered 503 Service Unavailable",
		put + "400 Bad Request: blob upload invalid":                                   "does not take a blob while another upload of it is under way",
		"unknown: blob upload invalid: sha256:ab cannot be updated":                    "does not take a blob while another upload of it is under way",
		request + "write tcp 10.0.0.1:1->10.0.0.2:5000: write: broken pipe":            "closed the connection",
		request + "read tcp 10.0.0.1:1->10.0.0.2:5000: read: connection reset by peer": "reset the connection",
		request + "EOF":            "closed the connection",
		request + "unexpected EOF": "closed the connection",
		request + "dial tcp 127.0.0.1:5000: connect: connection refused":                             "refused the connection",
		request + "dial tcp: lookup r.example on 10.0.0.1:53: no such host":                          "could not be found by its name",
		request + "dial tcp: lookup r.example: server misbehaving":                                   "could not be found by its name",
		request + "dial tcp 10.0.0.2:5000: i/o timeout":                                              "did not answer in time",
		request + "net/http: TLS handshake timeout":                                                  "did not answer in time",
		request + "remote error: tls: internal error":                                                "broke off TLS",
		request + "http2: server sent GOAWAY and closed the connection":                              "closed the connection",
		put + "400 Bad Request":                                                                      "",
		put + "401 Unauthorized":                                                                     "",
		put + "403 Forbidden":                                                                        "",
		put + "404 Not Found":                                                                        "",
		put + "405 Method Not Allowed":                                                               "",
		put + "409 Conflict":                                                                         "",
		put + "413 Request Entity Too Large":                                                         "",
		put + "415 Unsupported Media Type: 503 elsewhere":                                            "",
		put + "501 Not Implemented":                                                                  "",
		put + "505 HTTP Version Not Supported":                                                       "",
		"denied: requested access to the resource is denied":                                         "",
		"unauthorized: authentication required":                                                      "",
		"unsupported: the media type":                                                                "",
		"unknown: something else":                                                                    "",
		"push access denied, repository does not exist or may require authorization":                 "",
		request + "tls: failed to verify certificate: x509: certificate signed by unknown authority": "",
		request + "http: server gave HTTP response to HTTPS client":                                  "",
		request + "tls: first record does not look like a TLS handshake":                             "",
		"it broke off": "",
	} {
		got, ok := Momentary(errors.New("failed to solve: failed to push localhost:5000/app: "+text), 0)
		if got != want || ok != (want != "") {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
		named, _ := Momentary(errors.New("failed to push localhost:5000/denied/tls/eof: "+strings.ReplaceAll(text, "app", "denied/tls/eof")), 0)
		if named != want {
			t.Errorf("%s: got %q for a repository with other words, want %q", text, named, want)
		}
	}
}

func TestAnErrorWithoutAStatusHasThatOfTheLog(t *testing.T) {
	err := errors.New("failed to push localhost:5000/app: unknown: unknown error")
	for line, want := range map[string]bool{
		"error: unexpected status from PUT request to http://localhost:5000/v2/app/manifests/x: 500 Internal Server Error\nunknown: unknown error\n": true,
		"error: unexpected status from PUT request to http://localhost:5000/v2/app/manifests/x: 400 Bad Request":                                     false,
		"retrying in 1s\n": false,
	} {
		if _, ok := Momentary(err, RegistryStatus(line)); ok != want {
			t.Errorf("%s: got %t", line, ok)
		}
	}
}

func TestTheRepositoryOfAPushThatFailedIsRead(t *testing.T) {
	for text, want := range map[string]string{
		"failed to solve: failed to push localhost:5000/team/app: unknown: x": "localhost:5000/team/app",
		"failed to push docker.io/library/app: EOF":                           "docker.io/library/app",
		"failed to solve: process failed to push localhost:5000/app: EOF":     "",
	} {
		if got, ok := PushedTo(errors.New(text)); got != want || ok != (want != "") {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

func TestARefusalThatMayBeDueToBuildKitsRequestsIsRecognized(t *testing.T) {
	const at = "https://r.example/v2/app/"
	for want, texts := range map[bool][]string{
		true: {
			"unexpected status from HEAD request to " + at + "blobs/sha256:ab: 405 Method Not Allowed",
			"pushing with mount from a: unexpected status from POST request to " + at + "blobs/uploads/?mount=x&from=a: 403",
			"unexpected status from PUT request to " + at + "blobs/uploads/1: 202 Accepted",
			"unauthorized",
			"unauthorized: authentication required",
			"no realm specified for token auth challenge",
			"unexpected status from POST request to " + at + "blobs/uploads/: 401 Unauthorized",
		},
		false: {
			"denied: requested access to the resource is denied",
			"unexpected status from PUT request to " + at + "blobs/uploads/1: 403 Forbidden",
			"unexpected status from PUT request to " + at + "manifests/sha256:ab: 400 Bad Request: manifest invalid",
			"unexpected status from POST request to " + at + "blobs/uploads/: 413 Request Entity Too Large",
		},
	} {
		for _, text := range texts {
			if got := MayBeQuirk(errors.New("failed to push r.example/app: " + text)); got != want {
				t.Errorf("%s: got %t", text, got)
			}
		}
	}
}

func TestAnUploadIsKnownByItsStatus(t *testing.T) {
	for status, want := range map[string]bool{
		"pushing layers": true, "pushing manifest for r.example/app": true, "writing layer sha256:ab": true, "writing config sha256:ab": true,
		"writing cache image manifest sha256:ab": true, "exporting layers": false, "exporting manifest sha256:ab": false, "sha256:ab": false,
	} {
		if got := IsUpload(status); got != want {
			t.Errorf("%s: got %t", status, got)
		}
	}
}
