package manifest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// hint returns what a user can do about an error.
func (r repository) hint(e *Error) string {
	login := "docker login " + r.endpoint.name
	if r.endpoint.name == "docker.io" {
		login = "docker login"
	}
	to := "push to"
	if strings.HasPrefix(e.Op, "look up") || strings.HasPrefix(e.Op, "read") || strings.HasPrefix(e.Op, "find") {
		to = "read"
	}
	var response *errcode.ErrorResponse
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(e.Err, new(*RealmError)):
		return fmt.Sprintf("ask the operators of %q why they send logins there", r.endpoint.name)
	case errors.As(e.Err, new(*ElsewhereError)):
		return fmt.Sprintf("ask the operators of %q why they do that", r.endpoint.name)
	case errors.As(e.Err, new(*credentialError)):
		return "run: " + login
	case errors.Is(e.Kind, ErrUnauthorized) && r.endpoint.anonymous.Load():
		return "run: " + login
	case errors.Is(e.Kind, ErrUnauthorized):
		return fmt.Sprintf("the login may not %s %q, or has expired; run: %s", to, r.name, login)
	case errors.As(e.Err, &response) && hasCode(response, errcode.ErrorCodeNameUnknown):
		return fmt.Sprintf("create the repository %q first, or check its name for a typo", r.name)
	case errors.Is(e.Kind, ErrDenied):
		return fmt.Sprintf("check the name %q for a typo, and that the login may %s it", r.name, to)
	case errors.As(e.Err, &record) || strings.Contains(e.Err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Sprintf("the registry speaks plain HTTP: list %q in the engine's insecure-registries", r.endpoint.name)
	case errors.As(e.Err, &unknown):
		return fmt.Sprintf("put its CA's certificate in /etc/docker/certs.d/%s/ca.crt, or list it in the engine's insecure-registries", r.endpoint.name)
	case errors.Is(e.Kind, ErrUnreachable) && e.Status == 0:
		return "check the name for a typo, and that the registry runs and can be reached from here"
	}
	return ""
}

// withFormatHint adds the most likely meaning of the refusal of an OCI manifest: registries that predate OCI, or the artifacts in it,
// answer 415 or MANIFEST_INVALID.
func withFormatHint(err error, mediaType string, artifact bool) error {
	var failure *Error
	var response *errcode.ErrorResponse
	if FamilyOf(mediaType) != OCI || !errors.As(err, &failure) || failure.Hint != "" || !errors.As(err, &response) {
		return err
	}
	switch {
	case response.StatusCode != http.StatusUnsupportedMediaType && !hasCode(response, errcode.ErrorCodeManifestInvalid):
	case artifact:
		failure.Hint = "the registry may not accept a manifest with an empty configuration: leave this artifact out"
	default:
		failure.Kind, failure.Hint = ErrMediaType, "the registry may not accept OCI media types"
	}
	return err
}

// withTagHint adds the most likely meaning of the refusal of an existing tag. Registries with immutable tags answer 400 (ECR),
// 403, 405, 409 (ACR) or 412 (Harbor).
func withTagHint(err error, before digest.Digest) error {
	var failure *Error
	if before == "" || !errors.As(err, &failure) || errors.Is(err, ErrMediaType) {
		return err
	}
	switch failure.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusPreconditionFailed:
		failure.Hint = fmt.Sprintf("the tag names %s, and the registry may not allow tags to be moved: push another tag", before)
	}
	return err
}
