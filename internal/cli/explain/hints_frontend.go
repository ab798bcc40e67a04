package explain

import (
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
)

// allowHint returns what to do about entitlements that a build lacks. The user must grant them to the build, and the builder must allow
// them.
func allowHint(err error) string {
	for _, name := range []string{"security.insecure", "network.host"} {
		switch {
		case buildkitmsg.IsEntitlementForbidden(err, name):
			return fmt.Sprintf("create a builder that allows it, and build on it with --builder:\n"+
				"      docker multiarch builder create --name privileged --buildkitd-flags '--allow-insecure-entitlement %s'", name)
		case buildkitmsg.IsEntitlementMissing(err, name):
			return "add --allow " + name
		}
	}
	if buildkitmsg.IsEntitlementForbidden(err, "device") { // BuildKit allows it unless its devices are disabled (cmd/buildkitd/main.go)
		return "the builder's BuildKit config disables devices ([cdi] disabled = true): build on a builder without this setting"
	}
	if devices := buildkitmsg.DeniedDevices(err); len(devices) > 0 {
		return "add --allow device=" + strings.Join(devices, " --allow device=")
	}
	return ""
}

// frontendHint returns what to do about a frontend, named by a "# syntax=" line or BUILDKIT_SYNTAX, that is too old for a flag.
func frontendHint(err error) string {
	capability, ok := buildkitmsg.UnsupportedCapability(err)
	switch {
	case !ok:
		return ""
	case strings.HasPrefix(capability, "contexts"):
		return "the frontend does not know named contexts (Dockerfile 1.4 and later do): name a newer one in the Dockerfile's # syntax= line"
	case strings.HasPrefix(capability, "gitquerystring"):
		return "the frontend does not know git URLs with a query (Dockerfile 1.18 and later do): name a newer one in the # syntax= line"
	}
	return "name a newer frontend in the Dockerfile's # syntax= line"
}
