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
	if err := checkHost(ctx, server.Hostname(), refuseForLogin); err != nil {
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

// refusal returns an error for an address that may not be reached; server is for its text. An address that is not valid means that
// the host is written in letters that may hide one.
type refusal func(ctx context.Context, server string, addr netip.Addr) error

// refuseForLogin returns an error for an address that may not get a login.
func refuseForLogin(_ context.Context, server string, addr netip.Addr) error {
	switch {
	case !addr.IsValid():
		return &RealmError{Server: server}
	case isForbidden(addr):
		return &RealmError{Server: server, Addr: addr.Unmap().String()}
	}
	return nil
}

// checkHost checks a host as it is written. Go maps letters such as full-width digits to plain ones when it connects.
func checkHost(ctx context.Context, host string, refuse refusal) error {
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return refuse(ctx, host, netip.Addr{})
	}
	if strings.EqualFold(host, "localhost") {
		return refuse(ctx, host, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	if addr, ok := address.FromHost(host); ok {
		return refuse(ctx, host, addr)
	}
	return nil
}

// guarded sends requests to servers that a registry names. It refuses addresses as they are written, and those that a name resolves
// to when the connection is made, so that a name that changes its address meanwhile cannot bypass the check. If a proxy makes the
// connection, or the transport is not net/http's, only the written address is checked.
type guarded struct {
	base, careful http.RoundTripper
	proxy         func(*http.Request) (*url.URL, error)
	refuse        refusal
}

func newGuarded(base http.RoundTripper, refuse refusal) *guarded {
	g := &guarded{base: base, careful: base, refuse: refuse}
	if transport, ok := base.(*http.Transport); ok {
		clone := transport.Clone()
		clone.DialContext = g.dial(transport.DialContext)
		g.careful, g.proxy = clone, transport.Proxy
	}
	return g
}

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := checkHost(req.Context(), req.URL.Hostname(), g.refuse); err != nil {
		return nil, err
	}
	if g.proxy != nil {
		if via, err := g.proxy(req); err != nil || via != nil {
			return g.base.RoundTrip(req)
		}
	}
	return g.careful.RoundTrip(req)
}

// dial makes no connection to a refused address, and closes unused a connection to one that another dialer has made.
func (g *guarded) dial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dialer := &net.Dialer{Timeout: 30 * time.Second, ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
			return g.check(ctx, address, address)
		}}
		dial = dialer.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if refused := refusedBy(err); refused != nil {
			return nil, refused // not as the error of a connection, which another attempt might make
		}
		if err != nil {
			return nil, err
		}
		if err := g.check(ctx, address, conn.RemoteAddr().String()); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
}

func (g *guarded) check(ctx context.Context, server, address string) error {
	if at, err := netip.ParseAddrPort(address); err == nil {
		return g.refuse(ctx, server, at.Addr())
	}
	return nil
}

// refusedBy returns the refusal in an error, nil if there is none.
func refusedBy(err error) error {
	if realm := (*RealmError)(nil); errors.As(err, &realm) {
		return realm
	}
	if elsewhere := (*ElsewhereError)(nil); errors.As(err, &elsewhere) {
		return elsewhere
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
