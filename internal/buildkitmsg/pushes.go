package buildkitmsg

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// PushedTo returns the repository that a solve failed to push to; ok is false for any other error (see [IsPushFailure]).
func PushedTo(err error) (repository string, ok bool) {
	if !IsPushFailure(err) {
		return "", false
	}
	_, text, _ := strings.Cut(err.Error(), "failed to push ")
	repository, _, ok = strings.Cut(text, ": ")
	return repository, ok
}

var unexpectedStatus = lazyregexp.New(`(?i)unexpected status from [A-Z]+ request to \S+: (\d{3})\b`)

// RegistryStatus returns the last HTTP status of a registry in an error of BuildKit, or in a line of its log about an attempt that it
// repeats; 0 if there is none (core/remotes/errors of containerd; util/resolver/retryhandler/retry.go).
func RegistryStatus(text string) int {
	all := unexpectedStatus().FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return 0
	}
	status, _ := strconv.Atoi(all[len(all)-1][1]) // three digits
	return status
}

// The statuses of errors that BuildKit shows by their codes instead, and the code of all errors that it does not know
// (core/remotes/docker/errdesc.go of containerd; util/errutil/errutil.go).
var (
	statusOfCode = map[string]int{"toomanyrequests": http.StatusTooManyRequests, "unavailable": http.StatusServiceUnavailable}
	codes        = lazyregexp.New(`(?m)(?:^|: )(toomanyrequests|unavailable|unknown)(?:: |$)`)
)

// uploadLost are the words of registries that refuse a blob because another upload of it is under way, or that have forgotten an upload.
var uploadLost = []string{"blob upload invalid", "blob upload unknown", "blob_upload_invalid", "blob_upload_unknown"}

// neverMomentary are the words of failures without a status that last: of certificates, of registries without TLS, and of logins.
var neverMomentary = []string{
	"x509:", "certificate", "server gave http response", "first record does not look like", "denied", "unauthorized", "forbidden", "authorization failed",
	"no basic auth", "not found", "not allowed", "no space left",
}

// momentary are the words of connections that failed, of Go's net, net/http and crypto/tls, with what they say about the registry.
var momentary = []struct {
	words []string
	cause string
}{
	{[]string{"connection reset"}, "reset the connection"},
	{[]string{"connection refused"}, "refused the connection"},
	{[]string{"no such host", "server misbehaving", "temporary failure in name resolution"}, "could not be found by its name"},
	{[]string{"i/o timeout", "timed out", "handshake timeout", "timeout awaiting", "deadline exceeded", "client.timeout"}, "did not answer in time"},
	{[]string{"tls:"}, "broke off TLS"},
	{[]string{"no route to host", "network is unreachable"}, "could not be reached"},
	{[]string{"eof", "broken pipe", "closed network connection", "goaway", "connection lost", "closed idle connection", "stream error"}, "closed the connection"},
}

// Momentary reports whether a push or a cache's export failed because of a registry's state of the moment, and returns what the registry
// did, such as "answered 429 Too Many Requests". logged is the last status in BuildKit's log ([RegistryStatus]), for an error without one.
func Momentary(err error, logged int) (cause string, ok bool) {
	text := err.Error()
	status := RegistryStatus(text)
	if repository, ok := PushedTo(err); ok { // its name may be any words, and so may the URLs
		text = strings.Replace(text, repository, "", 1)
	}
	text = strings.ToLower(urls().ReplaceAllString(text, ""))
	if found := codes().FindStringSubmatch(text); status == 0 && found != nil {
		if status = statusOfCode[found[1]]; status == 0 {
			status = logged
		}
	}
	switch {
	case registryhttp.IsMomentary(status):
		return strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status))), true
	case hasAny(text, uploadLost):
		return "does not take a blob while another upload of it is under way", true
	case status != 0 || hasAny(text, neverMomentary):
		return "", false
	}
	for _, m := range momentary {
		if hasAny(text, m.words) {
			return m.cause, true
		}
	}
	return "", false
}

var urls = lazyregexp.New(`https?://\S+`)

// loginRefused are the forms, in lower case, in which BuildKit shows a 401.
var loginRefused = lazyregexp.New(
	`(?m)unexpected status from \S+ request to \S+: 401\b|: unauthorized(?:: |$)|: authorization failed|no basic auth credentials`,
)

// IsLoginRefused reports whether a push failed because the registry wanted another login.
func IsLoginRefused(err error) bool { return loginRefused().MatchString(strings.ToLower(err.Error())) }

// mayBeQuirk are the texts, in lower case, of refusals that concern how BuildKit makes requests, which another client may make otherwise:
// a look at a blob, a mount, an answer to a finished upload, a challenge.
var mayBeQuirk = lazyregexp.New(`unexpected status from head request|unexpected status from post request to \S+[?&]mount=|` +
	`unexpected status from put request to \S+: 2\d\d\b|no realm specified|blob unknown to registry`)

// MayBeQuirk reports whether a push failed in a way that may be due to how BuildKit makes requests, so that another client could succeed.
func MayBeQuirk(err error) bool {
	return IsLoginRefused(err) || mayBeQuirk().MatchString(strings.ToLower(err.Error()))
}
