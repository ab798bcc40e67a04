package main

import (
	"fmt"
	"strings"
)

// allowHint is about privileges that a build wants and does not have: the build must be given them, and the builder must have been
// made with them. The words are BuildKit's (solver/llbsolver/vertex.go, util/entitlements).
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
