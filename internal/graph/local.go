package graph

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/solver/pb"
	"golang.org/x/net/idna"
)

// Local returns the URL that the step fetches from, if that is an address which means something else on every machine: loopback, no
// address at all, link-local, or the metadata service of a cloud, in whatever spelling. Of names only those that always are such an
// address count: nothing is looked up. ok is false for every other step, also for images from registries.
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

// hostOf is the host of a URL, or of a git remote such as git@host:path.
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

// localNames are, in the /etc/hosts of common systems and the resolvers of clouds, always the machine itself or its metadata service.
var localNames = []string{
	"localhost", "localhost4", "localhost6", "localhost.localdomain", "localhost4.localdomain4", "localhost6.localdomain6",
	"ip6-localhost", "ip6-loopback", "metadata", "metadata.google.internal",
}

// localRanges besides what netip knows: "this host" (RFC 1122), and the metadata services of AWS and Google (IPv6), Oracle, Alibaba and
// Azure.
var localRanges = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("fd00:ec2::254/128"), netip.MustParsePrefix("fd20:ce::254/128"),
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), netip.MustParsePrefix("192.0.0.192/32"),
	netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("168.63.129.16/32"),
}

// translated are the IPv6 addresses that stand for IPv4 ones where the network translates between the two (RFC 6052).
var translated = netip.MustParsePrefix("64:ff9b::/96")

func isLocal(host string) bool {
	host = plainHost(host)
	if slices.Contains(localNames, host) || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, ok := parseAddr(host)
	if !ok {
		return false
	}
	return addr.IsLoopback() || addr.IsUnspecified() || addr.IsLinkLocalUnicast() ||
		slices.ContainsFunc(localRanges, func(r netip.Prefix) bool { return r.Contains(addr) })
}

// plainHost undoes what clients undo: percent signs (curl, and so git), other alphabets' letters, digits and dots (IDNA), case, dots at the end.
func plainHost(host string) string {
	if plain, err := url.PathUnescape(host); err == nil {
		host = plain
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	return strings.TrimRight(strings.ToLower(host), ".")
}

// parseAddr reads an address in every form that some client takes: IPv4 within IPv6, a zone, and those of inet_aton.
func parseAddr(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return parseAton(host)
	}
	addr = addr.WithZone("").Unmap()
	b := addr.As16()
	switch {
	case !addr.Is6():
	case [12]byte(b[:12]) == [12]byte{} && addr != netip.IPv6Loopback(), // ::127.0.0.1, an old form
		translated.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:])), true
	}
	return addr, true
}

// parseAton reads up to four numbers, decimal, octal or hexadecimal, of which the last fills the rest (POSIX, inet_addr).
func parseAton(host string) (netip.Addr, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(octal(part), 0, 32)
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (5 - len(parts))
		}
		if err != nil || n >= 1<<bits || strings.ContainsAny(part, "_") {
			return netip.Addr{}, false
		}
		value = value<<bits | n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

// octal leaves only those forms to strconv that inet_addr has, too.
func octal(part string) string {
	if len(part) > 1 && part[0] == '0' && strings.ContainsAny(part[1:2], "bBoO") {
		return ""
	}
	return part
}
