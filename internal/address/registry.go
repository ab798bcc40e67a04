package address

import (
	"strings"

	"github.com/distribution/reference"
)

// NeedsHostNetwork reports whether any of refs (image names, tags, cache or registry references; "host:port" alone too) is in a
// registry on the loopback interface, which a builder reaches on the host's network only. Text that is not a valid name does not
// count.
func NeedsHostNetwork(refs ...string) bool {
	for _, ref := range refs {
		if IsLoopback(registryHost(ref)) {
			return true
		}
	}
	return false
}

// registryHost returns the host[:port] of a reference, "" if it has none.
func registryHost(ref string) string {
	if named, err := reference.ParseNormalizedNamed(ref); err == nil {
		if host := reference.Domain(named); host != "docker.io" {
			return host
		}
	}
	host, _, _ := strings.Cut(ref, "/")
	if strings.ContainsAny(host, ":[") {
		return host
	}
	return ""
}
