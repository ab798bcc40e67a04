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

// RealmError names a token server to which no login is sent.
type RealmError struct {
	Server string // in the registry's spelling
	Addr   string // its address; empty if unknown
}

func (e *RealmError) Error() string {
	if e.Addr == "" {
		return fmt.Sprintf("no login is sent to the token server %q: its host is written in letters that may hide an address", e.Server)
	}
	return fmt.Sprintf("no login is sent to the token server %q: %s is a link-local, cloud metadata or carrier-grade address", e.Server, e.Addr)
}

// lookupTimeout bounds a name lookup that may fail: behind a proxy, no name resolves here.
const lookupTimeout = 2 * time.Second

// CheckRealm returns an error, a [*RealmError], unless a login may be sent to the token server that a registry names. It refuses
// a server whose host is a link-local, cloud metadata or carrier-grade address, or resolves to one. The registry's own host is
// accepted: the user has named it. A name that cannot be looked up is left to the check at connection time.
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

// checkHost checks a host as it is written. Go maps letters such as full-width digits to plain ones when it connects.
func checkHost(host string) error {
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return &RealmError{Server: host}
	}
	if addr, ok := address.Of(host); ok && isForbidden(addr) {
		return &RealmError{Server: host, Addr: addr.String()}
	}
	return nil
}

// guarded sends requests for tokens. It refuses forbidden addresses as they are written, and those that a name resolves to when
// the connection is made, so that a name that changes its address meanwhile cannot bypass the check. If a proxy makes the
// connection, or the transport is not net/http's, only the written address is checked.
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

// carefulDial makes no connection to a forbidden address, and closes unused a connection to one that another dialer has made.
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

// isForbidden reports whether an address may not get a login or token on a registry's word, also where an IPv6 address embeds it.
// Such addresses belong to the machine's link, to its cloud, or to its carrier: a server there gives secrets away, or obeys any
// caller.
func isForbidden(addr netip.Addr) bool {
	return address.IsMetadata(addr) || carriers.Contains(address.Plain(addr))
}

// sameOrigin reports whether two URLs have the same scheme, host and port. A login for one origin is not sent to another.
func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

// portOf returns the port of a URL, or its scheme's default.
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
