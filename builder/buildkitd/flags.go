package buildkitd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/shlex"
)

const flagEntitlement = "--allow-insecure-entitlement"

// ErrConfigFlag means that the flags for buildkitd name a configuration file. It is a setting of its own: [Settings].Config.
var ErrConfigFlag = errors.New("the configuration of a builder is not set by a flag of buildkitd")

// ParseFlags splits flags for buildkitd (--buildkitd-flags) as a shell would. buildkitd itself reports
// unknown flags when it starts. ParseFlags refuses the flags that would break the builder.
func ParseFlags(text string) ([]string, error) {
	words, err := shlex.Split(text)
	if err != nil {
		return nil, fmt.Errorf("buildkitd flags %q: %w", text, err)
	}
	for i, w := range words {
		name, _, _ := strings.Cut(w, "=")
		switch name {
		case "--config":
			return nil, fmt.Errorf("buildkitd flag %q: %w", w, ErrConfigFlag)
		case "--root", "--addr":
			return nil, fmt.Errorf("buildkitd flag %q: docker multiarch chooses where a builder keeps its state and listens", w)
		}
		if i == 0 && !strings.HasPrefix(w, "-") {
			return nil, fmt.Errorf("buildkitd flag %q does not begin with a dash", w)
		}
	}
	return words, nil
}

// DaemonFlags completes the user's flags. Entitlements among them replace those of the configuration,
// so network.host is added: RUN --network=host and builds on the host's network need it. Each build is
// still checked by itself.
func DaemonFlags(flags []string) []string {
	entitled, host := false, false
	for i, f := range flags {
		name, value, ok := strings.Cut(f, "=")
		if name != flagEntitlement {
			continue
		}
		if !ok && i+1 < len(flags) {
			value = flags[i+1]
		}
		entitled = true
		host = host || slices.Contains(strings.Split(value, ","), "network.host")
	}
	if entitled && !host {
		return append(slices.Clone(flags), flagEntitlement+"=network.host")
	}
	return flags
}
