package buildflags

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// forPlatform splits PLATFORM:VALUE. PLATFORM contains a slash and begins with an operating system: "linux/arm64:KEY=V". own is the
// platform's text, or "" for a value for all platforms. A platform that is not requested is refused.
func forPlatform(value string, requested []platform.Platform) (own, rest string, err error) {
	prefix, rest, ok := strings.Cut(value, ":")
	osName, _, slash := strings.Cut(prefix, "/")
	if !ok || !slash || strings.Contains(prefix, "=") || !knownOS(osName) {
		return "", value, nil
	}
	ps, _, err := platform.Parse(prefix)
	if err != nil {
		return "", "", err
	}
	if len(ps) != 1 {
		return "", "", fmt.Errorf("%q is more than one platform: repeat the flag for each platform", prefix)
	}
	if !platform.Contains(requested, ps[0]) {
		return "", "", notBuilt(ps[0], requested)
	}
	return platform.Format(ps[0]), rest, nil
}

// notBuilt returns the error for a platform that is not among the requested platforms.
func notBuilt(p platform.Platform, requested []platform.Platform) error {
	if len(requested) == 0 {
		return fmt.Errorf("%s is not a requested platform: add --platform", platform.Format(p))
	}
	return fmt.Errorf("%s is not one of the requested platforms: %s", platform.Format(p), strings.Join(platform.FormatAll(requested), ", "))
}

// knownOS reports whether package platform accepts a word as an operating system.
func knownOS(word string) bool {
	_, _, err := platform.Parse(word + "/amd64")
	return err == nil
}

// ByPlatform groups the values of a flag: the values for all platforms under "", the others under their platform.
func ByPlatform(flag string, values []string, requested []platform.Platform) (map[string][]string, error) {
	sorted := map[string][]string{}
	for _, v := range values {
		own, rest, err := forPlatform(v, requested)
		if err == nil && own != "" && rest == "" {
			err = errors.New("the value after the platform is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("%s %q: %w", flag, v, err)
		}
		sorted[own] = append(sorted[own], rest)
	}
	return sorted, nil
}

// LastByPlatform returns the last value of a flag for all platforms, and the last one for each platform that has its own.
func LastByPlatform(flag string, values []string, requested []platform.Platform) (common string, own map[string]string, err error) {
	sorted, err := ByPlatform(flag, values, requested)
	own = map[string]string{}
	for p, vs := range sorted {
		if p == "" {
			common = vs[len(vs)-1]
		} else {
			own[p] = vs[len(vs)-1]
		}
	}
	return common, own, err
}
