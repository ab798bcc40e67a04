package manifest

import (
	"net/netip"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// carriers are the addresses of carriers' own networks (RFC 6598).
var carriers = netip.MustParsePrefix("100.64.0.0/10")

// isForbidden tells whether an address is one to which no login or token goes because a registry says so, also where an IPv6 address
// holds it. Such addresses belong to the machine's link, to the cloud that it runs in, or to its carrier: what answers there gives
// secrets away, or obeys whoever asks.
func isForbidden(addr netip.Addr) bool {
	return address.IsMetadata(addr) || carriers.Contains(address.Plain(addr))
}
