package explain

import (
	"fmt"
	"strings"
)

// allowHint returns what to do about entitlements that a build lacks. The user must grant them to the build, and the builder must have
// been made with them. The matched texts are BuildKit's (solver/llbsolver/vertex.go, util/entitlements).
func allowHint(err error) string {
	text := err.Error()
	for _, name := range []string{"security.insecure", "network.host", "device"} {
		switch {
		case strings.Contains(text, "granting entitlement "+name+" is not allowed by build daemon configuration"):
			return fmt.Sprintf("make a builder that allows it, and build there with --builder:\n"+
				"      docker multiarch builder create --name privileged --buildkitd-flags '--allow-insecure-entitlement %s'", name)
		case strings.Contains(text, name+" is not allowed"):
			return "add --allow " + name
		}
	}
	return ""
}

// frontendHint returns what to do about a frontend, named by a "# syntax=" line or BUILDKIT_SYNTAX, that is too old for a flag.
func frontendHint(err error) string {
	_, capability, ok := strings.Cut(err.Error(), "unsupported frontend capability moby.buildkit.frontend.")
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
