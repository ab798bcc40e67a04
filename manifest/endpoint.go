package manifest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"

	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// endpoint is the connection to one registry: its scheme, its certificates, its tokens. It is a remote.Client, so oras-go's
// requests to a repository go through it. Token servers and redirects are reached with the registry's settings.
type endpoint struct {
	name       string // as references have it
	candidates []string
	scheme     atomic.Pointer[string] // set once it is known
	detecting  chan struct{}          // holds one value while no request is detecting the scheme
	transport  *retryTransport
	elsewhere  *retryTransport // for requests that leave the registry, without its login
	auth       *auth.Client
	// anonymous is true after a login was wanted and there was no credential.
	anonymous atomic.Bool
}

func newEndpoint(name string, opt Options) (*endpoint, error) {
	e := &endpoint{name: name, candidates: []string{"https"}, detecting: make(chan struct{}, 1)}
	e.detecting <- struct{}{}
	plain := opt.PlainHTTP(name)
	insecure := !plain && isListed(name, opt.Insecure())
	switch {
	case plain:
		e.candidates = []string{"http", "https"}
	case insecure:
		e.candidates = []string{"https", "http"}
	}
	config, err := hostTLS(opt.CertDirs, name)
	if err != nil {
		return nil, err
	}
	base, err := hostTransport(opt.Transport, config, plain || insecure)
	if err != nil {
		return nil, fmt.Errorf("registry %q: %w", name, err)
	}
	e.transport = &retryTransport{
		base: base, registry: name, policy: opt.Retry, clock: opt.Clock, report: opt.Report, failedHosts: &failedHosts{},
	}
	at := &place{host: address.Hostname(e.host())}
	e.elsewhere = e.transport.over(&offOrigin{place: at, near: base, far: newGuarded(base, at.refuse)})
	e.auth = &auth.Client{
		Client: &http.Client{Transport: &realmTransport{
			base: e.transport, elsewhere: e.elsewhere, tokens: e.transport.over(newGuarded(base, refuseForLogin)), place: at,
		}},
		Header: http.Header{"User-Agent": {opt.UserAgent}},
		Cache:  tokens{auth.NewCache()},
		Credential: func(ctx context.Context, _ string) (auth.Credential, error) {
			// All requests here are for this registry, so the host needs no check; oras-go would name Docker Hub by its server.
			resume := pause(ctx)
			cred, err := opt.Credential(ctx, name)
			resume()
			if err != nil {
				return auth.EmptyCredential, &credentialError{host: name, err: err}
			}
			e.anonymous.Store(cred == auth.EmptyCredential)
			return cred, nil
		},
	}
	if len(e.candidates) == 1 {
		e.scheme.Store(&e.candidates[0])
	}
	return e, nil
}

// tokens finds a token by the scopes that a request needs, also if the registry's challenge added others to them: such a registry would
// otherwise refuse every request once.
type tokens struct{ auth.Cache }

func (c tokens) Set(ctx context.Context, registry string, scheme auth.Scheme, key string, fetch func(context.Context) (string, error)) (string, error) {
	token, err := c.Cache.Set(ctx, registry, scheme, key, fetch)
	needed := strings.Join(auth.GetAllScopesForHost(ctx, registry), " ")
	if err != nil || scheme != auth.SchemeBearer || needed == key || needed == "" {
		return token, err
	}
	return c.Cache.Set(ctx, registry, scheme, needed, func(context.Context) (string, error) { return token, nil })
}

func hostTransport(base http.RoundTripper, config *tls.Config, insecure bool) (http.RoundTripper, error) {
	if config == nil && !insecure {
		return base, nil
	}
	transport, ok := base.(*http.Transport)
	if !ok {
		if config != nil {
			return nil, fmt.Errorf("its certificates need an *http.Transport, not %T", base)
		}
		return base, nil
	}
	clone := transport.Clone()
	if clone.TLSClientConfig == nil {
		clone.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config != nil {
		clone.TLSClientConfig.RootCAs = config.RootCAs
		clone.TLSClientConfig.Certificates = config.Certificates
	}
	clone.TLSClientConfig.InsecureSkipVerify = insecure
	return clone, nil
}

// host is where the registry is reached: Docker Hub has another name there.
func (e *endpoint) host() string {
	return registry.Reference{Registry: e.name}.Host()
}

// origin is the origin that the registry's login is for: its scheme, once that is known, and its host and port.
func (e *endpoint) origin() *url.URL {
	origin := &url.URL{Host: e.host()}
	if s := e.scheme.Load(); s != nil {
		origin.Scheme = *s
	}
	return origin
}

// Do sends a request to the registry, and returns an answer that oras-go can use.
func (e *endpoint) Do(req *http.Request) (*http.Response, error) { return registryhttp.Do(req, e.send) }

// send sends a request to the registry, with the scheme that it speaks and the login that it wants.
func (e *endpoint) send(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if resp, err := e.first(req); resp != nil || err != nil {
		return resp, err
	}
	scheme, err := e.detectScheme(ctx)
	if err != nil {
		return nil, err
	}
	req = req.Clone(ctx)
	req.URL.Scheme = scheme
	return e.auth.Do(req)
}

// sendOn sends a request to the place that the registry gave for it. Another server than the registry gets no login.
func (e *endpoint) sendOn(req *http.Request) (*http.Response, error) {
	if registryhttp.SameOrigin(req.URL, e.origin()) {
		return e.Do(req)
	}
	if err := refuseLower(e.origin(), req.URL); err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", e.auth.Header.Get("User-Agent"))
	return (&http.Client{Transport: e.elsewhere}).Do(req)
}

// triedSchemes returns the schemes for error messages: the one that the registry speaks, or all that were tried.
func (e *endpoint) triedSchemes() string {
	if s := e.scheme.Load(); s != nil {
		return *s
	}
	return e.candidates[0] + " and " + e.candidates[1]
}

// isListed reports whether a host is in a list of hosts, hosts with ports, and CIDRs (for hosts named by address).
func isListed(host string, list []string) bool {
	name := address.Hostname(host)
	addr, addrErr := netip.ParseAddr(name)
	for _, entry := range list {
		if strings.EqualFold(entry, host) || strings.EqualFold(entry, name) {
			return true
		}
		if prefix, err := netip.ParsePrefix(entry); err == nil && addrErr == nil && prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
