package manifest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// RealmError is a token server to which no login is sent.
type RealmError struct {
	Server string // as the registry names it
	Addr   string // the address that it is at; empty if that cannot be told
}

func (e *RealmError) Error() string {
	if e.Addr == "" {
		return fmt.Sprintf("no login is sent to the token server %q: its host is written in letters that may hide an address", e.Server)
	}
	return fmt.Sprintf("no login is sent to the token server %q: %s is a link-local, cloud metadata or carrier-grade address", e.Server, e.Addr)
}

// lookupTimeout bounds the looking up of a name that need not be known here: behind a proxy no name is.
const lookupTimeout = 2 * time.Second

// CheckRealm tells whether a login may be sent to the token server that a registry names: the error, a [*RealmError], is of a server
// whose host is a link-local, cloud metadata or carrier-grade address, or has such an address among its own. The registry's own host
// is no such case: the user has named it. A name that cannot be looked up is left to whoever connects.
func CheckRealm(ctx context.Context, registry, realm string) error {
	server, err := url.Parse(realm)
	if err != nil {
		return fmt.Errorf("the token server %q: %w", realm, err)
	}
	if strings.EqualFold(server.Hostname(), address.Hostname(registry)) {
		return nil
	}
	if err := checkHost(server.Hostname()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", server.Hostname())
	if err != nil {
		return nil //nolint:nilerr // as documented
	}
	for _, addr := range addrs {
		if isForbidden(addr) {
			return &RealmError{Server: server.Hostname(), Addr: addr.Unmap().String()}
		}
	}
	return nil
}

// checkHost looks at a host as it is written. Go maps letters such as full-width digits to plain ones when it connects.
func checkHost(host string) error {
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return &RealmError{Server: host}
	}
	if addr, ok := address.Of(host); ok && isForbidden(addr) {
		return &RealmError{Server: host, Addr: addr.String()}
	}
	return nil
}

// guarded sends requests for tokens. It refuses forbidden addresses as they are written, and those that a name turns out to have when
// the connection is made, so that a name that changes its address meanwhile is no way around it. Where a proxy makes the
// connection, or the transport is none of net/http's, only the written address is seen.
type guarded struct {
	base, careful http.RoundTripper
	proxy         func(*http.Request) (*url.URL, error)
}

func newGuarded(base http.RoundTripper) *guarded {
	g := &guarded{base: base, careful: base}
	if transport, ok := base.(*http.Transport); ok {
		clone := transport.Clone()
		clone.DialContext = carefulDial(transport.DialContext)
		g.careful, g.proxy = clone, transport.Proxy
	}
	return g
}

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkHost(req.URL.Hostname()); err != nil {
		return nil, err
	}
	if g.proxy != nil {
		if via, err := g.proxy(req); err != nil || via != nil {
			return g.base.RoundTrip(req)
		}
	}
	return g.careful.RoundTrip(req)
}

// carefulDial makes no connection to a forbidden address, and gives one that another dialer has made back unused.
func carefulDial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dialer := &net.Dialer{Timeout: 30 * time.Second, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			return checkAddress(address, address)
		}}
		dial = dialer.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			if refused := (*RealmError)(nil); errors.As(err, &refused) {
				return nil, &RealmError{Server: address, Addr: refused.Addr}
			}
			return nil, err
		}
		if err := checkAddress(address, conn.RemoteAddr().String()); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
}

func checkAddress(server, address string) error {
	if at, err := netip.ParseAddrPort(address); err == nil && isForbidden(at.Addr()) {
		return &RealmError{Server: server, Addr: at.Addr().Unmap().String()}
	}
	return nil
}

// carriers are the addresses of carriers' own networks (RFC 6598).
var carriers = netip.MustParsePrefix("100.64.0.0/10")

// isForbidden tells whether an address is one to which no login or token goes because a registry says so, also where an IPv6 address
// holds it. Such addresses belong to the machine's link, to the cloud that it runs in, or to its carrier: what answers there gives
// secrets away, or obeys whoever asks.
func isForbidden(addr netip.Addr) bool {
	return address.IsMetadata(addr) || carriers.Contains(address.Plain(addr))
}

// sameOrigin tells whether two URLs have the same scheme, host and port. A login that was given to one of them is for no other.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// portOf is the port of a URL, also where it goes without saying.
func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	switch strings.ToLower(u.Scheme) {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}
