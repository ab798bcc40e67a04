package manifest

import (
	"net"
	"net/netip"
	"strings"
)

// IsLoopback tells whether a registry's host (with or without a port) names this machine: localhost, 127.0.0.0/8 or ::1.
// No name is looked up. These are the registries that `docker push` reaches without TLS.
func IsLoopback(host string) bool {
	name := hostname(host)
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// isListed tells whether a host is one of a list of hosts, hosts with ports, and CIDRs (for hosts named by address).
func isListed(host string, list []string) bool {
	name := hostname(host)
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

// hostname takes the port and an IPv6 address's brackets away.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}
