package explain

import (
	"errors"
	"strings"
	"testing"
)

func TestAMissingEntitlementComesWithTheFlagThatGrantsIt(t *testing.T) {
	for text, want := range map[string]string{
		"failed to load LLB: security.insecure is not allowed":                                            "add --allow security.insecure",
		"failed to load LLB: device v.com/gpu=0 is requested by the build but not allowed":                "add --allow device=v.com/gpu=0",
		"devices v.com/gpu=0, v.com/gpu=1 are requested by the build but not allowed":                     "add --allow device=v.com/gpu=0 --allow device=v.com/gpu=1",
		"granting entitlement device is not allowed by build daemon configuration":                        "[cdi] disabled = true",
		"granting entitlement security.insecure is not allowed by build daemon configuration":             "--allow-insecure-entitlement security.insecure",
		"unsupported frontend capability moby.buildkit.frontend.contexts":                                 "named contexts",
		"unsupported frontend capability moby.buildkit.frontend.gitquerystring+forward":                   "git URLs with a query",
		"unsupported frontend capability moby.buildkit.frontend.subrequests":                              "name a newer frontend",
		"process \"/bin/sh -c true\" did not complete successfully: exit code: 1, permission is not here": "",
	} {
		got := Hint(errors.New(text))
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q", text, got)
		}
	}
}
