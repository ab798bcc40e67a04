package manifest

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
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
	base, tokens http.RoundTripper
	host         string // the registry's host name, without port

	mu     sync.Mutex
	realms map[string]*url.URL // by the alias's host
}

// aliasPort is the port of a token server's alias: a port that no registry can have.
const aliasPort = "0"

// realmParam matches the realm in a challenge (RFC 6750, section 3), with the quotes that every registry writes.
var realmParam = regexp.MustCompile(`realm="([^"]*)"`)

func (t *realmTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if server := t.server(req.URL); server != nil {
		clone := req.Clone(req.Context())
		clone.URL.Scheme, clone.URL.Host, clone.Host = server.Scheme, server.Host, ""
		return t.tokens.RoundTrip(clone)
	}
	if t.forToken(req) {
		return t.tokens.RoundTrip(req)
	}
	resp, err := t.base.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	challenge := resp.Header.Get("WWW-Authenticate")
	match := realmParam.FindStringSubmatchIndex(challenge)
	if match == nil {
		return resp, nil
	}
	realm, err := url.Parse(challenge[match[2]:match[3]])
	if err != nil || realm.Host == "" || strings.EqualFold(realm.Hostname(), t.host) || !t.private(req) {
		return resp, nil //nolint:nilerr // oras-go reports the error in the realm
	}
	resp.Header = resp.Header.Clone()
	resp.Header.Set("WWW-Authenticate", challenge[:match[2]]+t.aliasFor(realm)+challenge[match[3]:])
	return resp, nil
}

// forToken reports whether a request for a token leaves the registry's host: to a token server elsewhere, or to a redirect of the
// registry's own token server. The registry's own requests are for its API, and a redirect of those carries no login.
func (t *realmTransport) forToken(req *http.Request) bool {
	if strings.EqualFold(req.URL.Hostname(), t.host) {
		return false
	}
	first := req
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	return !strings.EqualFold(first.URL.Hostname(), t.host) || !strings.HasPrefix(first.URL.Path, "/v2/")
}

// aliasFor stores a realm and returns its alias URL.
func (t *realmTransport) aliasFor(realm *url.URL) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.realms == nil {
		t.realms = map[string]*url.URL{}
	}
	alias := *realm
	alias.Host = net.JoinHostPort(t.host, aliasPort)
	t.realms[alias.Host] = realm
	return alias.String()
}

// server returns the token server behind an alias URL, nil if the URL is no alias.
func (t *realmTransport) server(u *url.URL) *url.URL {
	if u.Port() != aliasPort {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.realms[u.Host]
}

// private reports whether the registry is at an address of a private network or of this machine. A name that cannot be looked up,
// as behind a proxy, is not private.
func (t *realmTransport) private(req *http.Request) bool {
	if addr, err := netip.ParseAddr(t.host); err == nil {
		return isPrivate(addr)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(req.Context(), "ip", t.host)
	if err != nil || len(addrs) == 0 {
		return false
	}
	for _, addr := range addrs {
		if !isPrivate(addr) {
			return false
		}
	}
	return true
}

func isPrivate(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsPrivate()
}
