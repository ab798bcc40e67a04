package buildkitmsg

import (
	"slices"
	"strings"
)

// IsUsageError reports whether a line of buildkitd's log complains about its flags. A list of all flags follows it (cmd/buildkitd/main.go; the
// text is from command.go of urfave/cli).
func IsUsageError(line string) bool { return strings.HasPrefix(line, "Incorrect Usage") }

// Reasons returns the lines of buildkitd's log that may say why it has ended: only the complaint about its flags if there is one, else all but
// empty lines and stack traces, each line of which is a function's name or, after a tab, its position.
func Reasons(log []string) (lines []string) {
	for i, l := range slices.Backward(log) {
		if IsUsageError(l) {
			return log[i : i+1]
		}
	}
	for i, l := range log {
		place := strings.HasPrefix(l, "\t")
		function := i+1 < len(log) && strings.HasPrefix(log[i+1], "\t")
		if !place && !function && strings.TrimSpace(l) != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// IsBridgeFailure reports whether a line of buildkitd's log says why it could not set up its bridge network
// (util/network/cniprovider/cni.go and bridge.go).
func IsBridgeFailure(line string) bool { return strings.Contains(line, "CNI") }
