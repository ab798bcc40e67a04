package buildkitmsg

import "strings"

// IsUsageError reports whether a line of buildkitd's log complains about its flags. A list of all flags follows it (cmd/buildkitd/main.go; the
// text is from command.go of urfave/cli).
func IsUsageError(line string) bool { return strings.HasPrefix(line, "Incorrect Usage") }

// IsBridgeFailure reports whether a line of buildkitd's log says why it could not set up its bridge network
// (util/network/cniprovider/cni.go and bridge.go).
func IsBridgeFailure(line string) bool { return strings.Contains(line, "CNI") }
