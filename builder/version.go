package builder

import (
	"strconv"
	"strings"
)

// version is major, minor and patch of a BuildKit version.
type version [3]int

// parseVersion reads "v0.33.1", with or without "v" and a suffix. A development build has
// "v0.0.0+unknown": ok is false, as for anything else that is not a release.
func parseVersion(s string) (v version, ok bool) {
	s, _, _ = strings.Cut(strings.TrimPrefix(s, "v"), "+")
	s, _, _ = strings.Cut(s, "-")
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, v != version{}
}

// TooOld reports whether a BuildKit is known to be older than the one that is needed. A BuildKit
// without a known version is a custom build and is accepted.
func TooOld(have, needed string) bool {
	h, ok := parseVersion(have)
	if !ok {
		return false
	}
	m, ok := parseVersion(needed)
	if !ok {
		return false
	}
	for i := range h {
		if h[i] != m[i] {
			return h[i] < m[i]
		}
	}
	return false
}
