package buildkitmsg

import (
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
)

// IsEntitlementMissing reports whether a build needs an entitlement, such as network.host, that its request does not grant
// (Check in util/entitlements/entitlements.go).
func IsEntitlementMissing(err error, name string) bool {
	return strings.Contains(err.Error(), name+" is not allowed")
}

var deniedDevices = lazyregexp.New(`devices? (\S+(?:, \S+)*) (?:is|are) requested by the build but not allowed`)

// DeniedDevices returns the devices that a build needs and that its request does not grant, by their full names ("vendor.com/class=name")
// (ValidateEntitlements in solver/llbsolver/vertex.go).
func DeniedDevices(err error) []string {
	found := deniedDevices().FindStringSubmatch(err.Error())
	if found == nil {
		return nil
	}
	return strings.Split(found[1], ", ")
}

// IsEntitlementForbidden reports whether a request grants an entitlement that buildkitd's configuration does not allow
// (WhiteList in util/entitlements/entitlements.go).
func IsEntitlementForbidden(err error, name string) bool {
	return strings.Contains(err.Error(), "granting entitlement "+name+" is not allowed by build daemon configuration")
}

// UnsupportedCapability returns the capability, without "moby.buildkit.frontend.", that a request needs and that its frontend does not have.
// Text may follow it. ok is false for any other error (solver/errdefs/frontendcap.go).
func UnsupportedCapability(err error) (capability string, ok bool) {
	_, capability, ok = strings.Cut(err.Error(), "unsupported frontend capability moby.buildkit.frontend.")
	return capability, ok
}

// IsReceiverGone reports whether a solve failed because its client stopped to receive an export. BuildKit does not say why: the client
// knows (session/filesync/diffcopy.go). The story of a client's full disk provokes it.
func IsReceiverGone(err error) bool {
	return strings.TrimPrefix(err.Error(), "failed to solve: ") == "EOF"
}
