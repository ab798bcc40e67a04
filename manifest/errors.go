package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// These are the kinds of a registry's refusal; see [Error].
var (
	// ErrUnreachable means that the registry could not be reached, or answers but cannot serve now.
	ErrUnreachable = errors.New("registry unreachable")
	// ErrUnauthorized means that the registry wants a login, or another one.
	ErrUnauthorized = errors.New("registry wants a login")
	// ErrDenied means that the registry knows the user and refuses the request.
	ErrDenied = errors.New("registry refuses")
	// ErrNotFound means that the registry does not have the requested object.
	ErrNotFound = errors.New("registry does not have it")
	// ErrMediaType means that the registry refuses a manifest with OCI media types, and probably because of them.
	ErrMediaType = errors.New("registry refuses the media type")
)

// Error is a registry's answer to an operation, or the lack of one.
type Error struct {
	Op       string // the operation, such as `push to "localhost:5000/app"`
	Registry string // as image names have it
	Scheme   string // the scheme or schemes that were tried
	Status   int    // the HTTP status, 0 without an answer
	Kind     error  // one of the errors above, or nil for any other answer
	Hint     string // what the user can do; part of the text
	Err      error
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s: registry %q (%s): %v", e.Op, e.Registry, e.Scheme, e.Err)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// credentialError is the failure to get a credential.
type credentialError struct {
	host string
	err  error
}

func (e *credentialError) Error() string { return fmt.Sprintf("credentials for %q: %v", e.host, e.err) }
func (e *credentialError) Unwrap() error { return e.err }

// answerError is a registry's answer in its own words; errors.As finds oras-go's *errcode.ErrorResponse behind it.
type answerError struct {
	response *errcode.ErrorResponse
	header   http.Header // nil if unknown
}

func (e *answerError) Error() string {
	text := fmt.Sprintf("%d %s", e.response.StatusCode, http.StatusText(e.response.StatusCode))
	for _, one := range e.response.Errors {
		text += " " + one.Code
		if one.Message != "" {
			text += ": " + one.Message
		}
	}
	return text
}

func (e *answerError) Unwrap() error { return e.response }

// responseError reads the answer of a registry that refused; the body can be read again.
func responseError(resp *http.Response) error {
	e := &errcode.ErrorResponse{StatusCode: resp.StatusCode}
	if resp.Request != nil {
		e.Method, e.URL = resp.Request.Method, resp.Request.URL
	}
	var body struct {
		Errors errcode.Errors `json:"errors"`
	}
	head, err := io.ReadAll(io.LimitReader(resp.Body, 8<<10))
	if err == nil && json.Unmarshal(head, &body) == nil {
		e.Errors = body.Errors
	}
	resp.Body = &rest{Reader: io.MultiReader(bytes.NewReader(head), resp.Body), body: resp.Body, done: func() {}}
	return &answerError{response: e, header: resp.Header}
}

// fail turns an error into that of an operation on a repository. The error of an ended context is passed on as it is.
func (r repository) fail(ctx context.Context, op string, err error) error {
	if ended := ctx.Err(); ended != nil {
		if cause := context.Cause(ctx); !errors.Is(cause, ended) {
			return fmt.Errorf("%s: %w: %w", op, ended, cause)
		}
		return fmt.Errorf("%s: %w", op, ended)
	}
	e := &Error{Op: op, Registry: r.endpoint.name, Scheme: r.endpoint.triedSchemes(), Err: err}
	var response *errcode.ErrorResponse
	var credential *credentialError
	switch {
	case errors.As(err, &credential):
		e.Kind, e.Err = ErrUnauthorized, credential
	case errors.As(err, new(*RealmError)):
		e.Kind = ErrUnauthorized
	case errors.As(err, new(*ElsewhereError)): // no kind: the registry serves others
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		e.Status, e.Kind = http.StatusUnauthorized, ErrUnauthorized
		e.Err = errors.New("401 Unauthorized, and there are no credentials for it")
	case errors.As(err, &response):
		e.Status, e.Kind = response.StatusCode, kindOf(response)
		if gave := (*gaveUpError)(nil); !errors.As(err, &gave) {
			e.Err = &answerError{response: response}
		} else {
			e.Err = gave
		}
	case errors.Is(err, errdef.ErrNotFound):
		e.Status, e.Kind = http.StatusNotFound, ErrNotFound
	case isAnswer(err):
	default:
		e.Kind = ErrUnreachable
	}
	e.Hint = r.hint(e)
	return e
}

// isAnswer reports whether an error is an unusable answer, as opposed to a failed connection.
func isAnswer(err error) bool {
	var network interface{ Timeout() bool } // *url.Error, net.Error and context's deadline
	return !errors.As(err, &network) && !isTransient(err)
}

func kindOf(response *errcode.ErrorResponse) error {
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return ErrUnauthorized
	case response.StatusCode == http.StatusForbidden,
		hasCode(response, errcode.ErrorCodeDenied), hasCode(response, errcode.ErrorCodeNameUnknown), hasCode(response, errcode.ErrorCodeNameInvalid):
		return ErrDenied
	case response.StatusCode == http.StatusNotFound:
		return ErrNotFound
	case registryhttp.IsMomentary(response.StatusCode):
		return ErrUnreachable
	}
	return nil
}

func hasCode(response *errcode.ErrorResponse, code string) bool {
	return slices.ContainsFunc(response.Errors, func(e errcode.Error) bool { return e.Code == code })
}

// isStatus reports whether an error is an answer with a status other than success.
func isStatus(err error) bool {
	return errors.As(err, new(*errcode.ErrorResponse))
}

// isFinal reports whether an error is the registry's last word: an answer that no repetition would change.
func isFinal(err error) bool {
	var response *errcode.ErrorResponse
	return errors.As(err, &response) && !registryhttp.IsMomentary(response.StatusCode)
}

// missing is the error of a registry that does not show in time what was pushed.
func (r repository) missing(limit time.Duration) error {
	return fmt.Errorf("%w, %s after it was pushed", errdef.ErrNotFound, limit)
}

// stale is the error of a registry that accepts a tag but does not show it in time.
func stale(found digest.Digest, limit fmt.Stringer) error {
	if found == "" {
		return fmt.Errorf("the registry accepted the tag, but does not show it %s later", limit)
	}
	return fmt.Errorf("the registry accepted the tag, but still shows %s %s later", found, limit)
}
