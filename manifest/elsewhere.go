package manifest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/registryhttp"
)

// ElsewhereError names a server to which a registry sends the client, and to which the client does not go.
type ElsewhereError struct {
	Server string // in the registry's spelling
	Reason string
}

func (e *ElsewhereError) Error() string {
	return fmt.Sprintf("the registry sends the client to %q, %s", e.Server, e.Reason)
}

// place is where a registry is, as far as that decides where it may send its clients.
type place struct {
	host    string // its host name, without port
	private atomic.Pointer[bool]
}

// isPrivate reports whether the registry is at an address of a private network or of this machine. A name that cannot be looked up,
// as behind a proxy, is not private.
func (p *place) isPrivate(ctx context.Context) bool {
	if known := p.private.Load(); known != nil {
		return *known
	}
	addrs := []netip.Addr{}
	if addr, ok := address.FromHost(p.host); ok {
		addrs = append(addrs, addr)
	} else if found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", p.host); err == nil {
		addrs = found
	}
	if len(addrs) == 0 {
		return false
	}
	private := true
	for _, addr := range addrs {
		addr = address.Plain(addr)
		private = private && (addr.IsLoopback() || addr.IsPrivate())
	}
	p.private.Store(&private)
	return private
}

// refuse returns an error for an address to which the registry may not send its clients: the machine's link and its cloud, and from a
// public registry the machine itself. A registry could otherwise have its clients call servers that only they can reach.
func (p *place) refuse(ctx context.Context, server string, addr netip.Addr) error {
	if !addr.IsValid() {
		return &ElsewhereError{Server: server, Reason: "a host in letters that may hide an address"}
	}
	addr = address.Plain(addr)
	switch {
	case address.IsMetadata(addr) || addr.IsLinkLocalMulticast():
		return &ElsewhereError{Server: server, Reason: fmt.Sprintf("and %s is a link-local or cloud metadata address", addr)}
	case (addr.IsLoopback() || addr.IsUnspecified()) && !p.isPrivate(ctx):
		return &ElsewhereError{Server: server, Reason: fmt.Sprintf("and %s is this machine, which the registry is not on", addr)}
	}
	return nil
}

// refuseLower returns an error for a URL that is not encrypted although the one that led to it is.
func refuseLower(from, to *url.URL) error {
	if registryhttp.IsLower(from, to) {
		return &ElsewhereError{Server: to.Scheme + "://" + to.Host, Reason: "which is not encrypted as the registry is"}
	}
	return nil
}

// offOrigin sends requests that leave a registry for another server or port, because of a redirect or of an upload's location. They
// carry no login, and never have a lower scheme than the request that they follow from. The registry's own host may have another
// port: the user has named it.
type offOrigin struct {
	place     *place
	near, far http.RoundTripper
}

func (o *offOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := refuseLower(firstOf(req).URL, req.URL); err != nil {
		return nil, err
	}
	if req.Header.Get("Authorization") != "" {
		req = req.Clone(req.Context())
		req.Header.Del("Authorization")
	}
	if strings.EqualFold(req.URL.Hostname(), o.place.host) {
		return o.near.RoundTrip(req)
	}
	return o.far.RoundTrip(req)
}
