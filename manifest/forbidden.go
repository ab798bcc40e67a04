package manifest

import (
	"net/netip"
	"strconv"
	"strings"
)

// forbidden are the networks that no login or token goes to because a registry says so. They belong to the machine's link, to the
// cloud that it runs in, or to its carrier: what answers there gives secrets away, or obeys whoever asks.
var forbidden = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),         // link-local (RFC 3927): the metadata of AWS, Azure, Google and others
	netip.MustParsePrefix("fe80::/10"),              // link-local (RFC 4291)
	netip.MustParsePrefix("100.64.0.0/10"),          // carriers' own (RFC 6598): Alibaba's metadata
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure's host
	netip.MustParsePrefix("fd00:ec2::/32"),          // AWS's metadata
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google's metadata
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle's metadata
}

// embedding are the prefixes of IPv6 addresses that hold an IPv4 one, and the byte at which it begins.
var embedding = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // RFC 6052
	{netip.MustParsePrefix("::/96"), 12},        // RFC 4291, section 2.5.5.1
	{netip.MustParsePrefix("2002::/16"), 2},     // RFC 3056
}

// isForbidden tells whether an address is in a forbidden network, also where an IPv6 address holds it.
func isForbidden(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range forbidden {
		if p.Contains(addr) {
			return true
		}
	}
	for _, e := range embedding {
		if b := addr.As16(); e.prefix.Contains(addr) && isForbidden(netip.AddrFrom4([4]byte(b[e.at:e.at+4]))) {
			return true
		}
	}
	return false
}

// literal reads a host as an address, in every spelling that a resolver takes for one: those of inet_aton(3), too, in which each
// part may be decimal, octal or hexadecimal, and the last one fills what is left (2852039166, 0xa9.254.43518).
func literal(host string) (netip.Addr, bool) {
	host = strings.TrimSuffix(host, ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, true
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
