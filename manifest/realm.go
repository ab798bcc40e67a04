package manifest

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// realmTransport allows a private registry to have a private token server.
//
// oras-go refuses a token server at a private address unless it has the registry's own host name (GHSA-xf85-363p-868w: a hostile
// registry could make clients call internal machines). That is right for a public registry. But a GitLab at home sends
// registry.corp to gitlab.corp, both at private addresses, and `docker push` and BuildKit follow. So when the registry itself is
// at a private address, oras-go gets the realm of its challenge under the registry's name, and the request to it is sent to the
// original address.
//
// Requests for tokens, those to other token servers too, go through tokens, which refuses the addresses that may not get a login.
type realmTransport struct {
	base, elsewhere, tokens http.RoundTripper
	place                   *place // the registry's

	mu     sync.Mutex
	realms map[string]*url.URL // by the alias's host
}

// aliasPort is the port of a token server's alias: a port that no registry can have.
const aliasPort = "0"

func (t *realmTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if server := t.server(req.URL); server != nil {
		clone := req.Clone(req.Context())
		clone.URL.Scheme, clone.URL.Host, clone.Host = server.Scheme, server.Host, ""
		return t.token(clone)
	}
	first := firstOf(req)
	switch {
	case t.forToken(req, first):
		return t.token(req)
	case !registryhttp.SameOrigin(first.URL, req.URL):
		return t.elsewhere.RoundTrip(req)
	}
	resp, err := t.base.RoundTrip(req)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusUnauthorized:
		t.setChallenge(req, resp)
	case !strings.Contains(req.URL.Path, "/blobs/") && !strings.Contains(req.URL.Path, "/manifests/"): // the registry's own token server
		registryhttp.SetOK(resp)
	}
	return resp, nil
}

// token requests a token.
func (t *realmTransport) token(req *http.Request) (*http.Response, error) {
	resp, err := t.tokens.RoundTrip(req)
	if err == nil {
		registryhttp.SetOK(resp)
	}
	return resp, err
}

// setChallenge leaves the one challenge in an answer that is to be answered, with an alias for the token server of a private
// registry.
func (t *realmTransport) setChallenge(req *http.Request, resp *http.Response) {
	login, ok := registryhttp.Login(resp.Header)
	if !ok {
		return
	}
	realm, err := url.Parse(login.Params["realm"])
	if err == nil && realm.Host != "" && !strings.EqualFold(realm.Hostname(), t.place.host) && t.place.isPrivate(req.Context()) {
		login.Params["realm"] = t.aliasFor(realm)
	}
	resp.Header = resp.Header.Clone()
	resp.Header.Set("WWW-Authenticate", login.String())
}

// firstOf returns the request that a chain of redirects began with.
func firstOf(req *http.Request) *http.Request {
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
	}
	return req
}

// forToken reports whether a request for a token leaves the registry's host: to a token server elsewhere, or to a redirect of the
// registry's own token server. The registry's own requests are for its API, and a redirect of those carries no login.
func (t *realmTransport) forToken(req, first *http.Request) bool {
	if strings.EqualFold(req.URL.Hostname(), t.place.host) {
		return false
	}
	return !strings.EqualFold(first.URL.Hostname(), t.place.host) || !strings.HasPrefix(first.URL.Path, "/v2/")
}

// aliasFor stores a realm and returns its alias URL.
func (t *realmTransport) aliasFor(realm *url.URL) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.realms == nil {
		t.realms = map[string]*url.URL{}
	}
	alias := *realm
	alias.Host = net.JoinHostPort(t.place.host, aliasPort)
	t.realms[alias.Host] = realm
	return alias.String()
}

// server returns the token server behind an alias URL, nil if the URL is not an alias.
func (t *realmTransport) server(u *url.URL) *url.URL {
	if u.Port() != aliasPort {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.realms[u.Host]
}
