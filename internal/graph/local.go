package graph

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"golang.org/x/net/idna"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
)

// Local returns the URL that the step fetches from, if its address means something else on every machine: loopback, the
// unspecified address, link-local, or the metadata service of a cloud, in whatever spelling. Only names that always stand for
// such an address count, since nothing is resolved. ok is false for every other step, also for images from registries.
func (s Step) Local() (where string, ok bool) {
	scheme, _, _ := strings.Cut(s.Source, "://")
	switch scheme {
	case "http", "https", "git":
	default:
		return "", false
	}
	for _, where := range []string{s.Attrs[pb.AttrFullRemoteURL], s.Source} {
		if where != "" && isLocal(hostOf(where)) {
			return where, true
		}
	}
	return "", false
}

// hostOf returns the host of a URL, or of a git remote such as git@host:path.
func hostOf(where string) string {
	_, rest, isURL := strings.Cut(where, "://")
	if !isURL {
		host, _, _ := strings.Cut(where, ":")
		return afterUser(host)
	}
	if i := strings.IndexAny(rest, `/?#\`); i >= 0 {
		rest = rest[:i]
	}
	rest = afterUser(rest)
	if inside, _, ok := strings.Cut(rest, "]"); ok { // [::1]:80
		return strings.TrimPrefix(inside, "[")
	}
	host, _, _ := strings.Cut(rest, ":")
	return host
}

func afterUser(host string) string { return host[strings.LastIndex(host, "@")+1:] }

// localNames are names that always mean the machine itself or its metadata service, in the /etc/hosts of common systems and in
// the resolvers of clouds.
var localNames = []string{
	"localhost", "localhost4", "localhost6", "localhost.localdomain", "localhost4.localdomain4", "localhost6.localdomain6",
	"ip6-localhost", "ip6-loopback", "metadata", "metadata.google.internal",
}

// thisHost is "this host on this network" (RFC 1122), which leads to the machine itself.
var thisHost = netip.MustParsePrefix("0.0.0.0/8")

func isLocal(host string) bool {
	host = plainHost(host)
	if slices.Contains(localNames, host) || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, ok := address.FromHost(host)
	return ok && (addr.IsLoopback() || addr.IsUnspecified() || thisHost.Contains(addr) || address.IsMetadata(addr))
}

// plainHost undoes the spellings that clients undo: percent signs (curl, and so git), letters, digits and dots of other alphabets
// (IDNA), case, and trailing dots.
func plainHost(host string) string {
	if plain, err := url.PathUnescape(host); err == nil {
		host = plain
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	return strings.TrimRight(strings.ToLower(host), ".")
}
