// Package address recognises hosts that are addresses, in every spelling, the machine itself, and the addresses at which cloud
// machines get secrets. It looks up no names.
package address

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// IsSocket reports whether the address of a server is a socket of this machine's file system, or a pipe of Windows.
func IsSocket(server string) bool {
	return strings.HasPrefix(server, "unix://") || strings.HasPrefix(server, "npipe://")
}

// FromHost reads a host as an address, in every spelling that a resolver accepts: those of inet_aton(3), too, in which each part may be
// decimal, octal or hexadecimal, and the last one fills the rest (2852039166, 0xa9.254.43518). The result is [Plain].
func FromHost(host string) (netip.Addr, bool) {
	host = strings.TrimSuffix(host, ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return Plain(addr), true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		n, err := strconv.ParseUint(part, 0, bits)
		if err != nil {
			return netip.Addr{}, false
		}
		value = value<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// Hostname removes the port and an IPv6 address's brackets from HOST[:PORT].
func Hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// IsLoopback reports whether HOST[:PORT] names this machine: localhost, 127.0.0.0/8 or ::1. These are the registries that the Docker Engine
// and BuildKit reach without TLS by default.
func IsLoopback(host string) bool {
	name := Hostname(host)
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// embedding are the prefixes of IPv6 addresses that embed an IPv4 address, and the byte at which it begins.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // RFC 6052
	{netip.MustParsePrefix("::/96"), 12},        // RFC 4291, section 2.5.5.1
	{netip.MustParsePrefix("2002::/16"), 2},     // RFC 3056
}

// Plain returns an address without a zone. If an IPv6 address embeds an IPv4 address, it returns that.
func Plain(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.IsUnspecified() || addr.IsLoopback() { // also of the second prefix
		return addr
	}
	for _, e := range embedding {
		if b := addr.As16(); e.prefix.Contains(addr) {
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4]))
		}
	}
	return addr
}

// metadata are the addresses of cloud metadata services, except those at link-local addresses.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure's host
	netip.MustParsePrefix("192.0.0.192/32"),         // Oracle, classic
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google
}

// IsMetadata reports whether an address is link-local (RFC 3927, RFC 4291), where most clouds have their metadata, or one of the
// other clouds' metadata addresses.
func IsMetadata(addr netip.Addr) bool {
	addr = Plain(addr)
	return addr.IsLinkLocalUnicast() || slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(addr) })
}
