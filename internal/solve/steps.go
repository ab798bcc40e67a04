package solve

import (
	"maps"
	"strconv"
	"strings"

	"github.com/moby/buildkit/util/entitlements"
)

// Steps say how RUN steps are run, and what a build may do to its builder. The zero value is what BuildKit does by itself.
type Steps struct {
	// CgroupParent is the parent of the steps' cgroups.
	CgroupParent string
	// ShmSize is the size of /dev/shm in bytes; 0 means BuildKit's own.
	ShmSize int64
	// Ulimits are "name=soft:hard".
	Ulimits []string
	// Limits of each step's resources, by BuildKit's names for them (frontend/dockerui/config.go): memory and memswap in bytes,
	// cpushares, cpuperiod and cpuquota in the kernel's units, cpusetcpus, cpusetmems.
	Limits map[string]string
	// NoCache are the stages whose steps run again.
	NoCache []string
	// Entitlements are what the build is allowed besides: "network.host", "security.insecure", "device[=…]".
	Entitlements []string
}

// attrs adds the frontend's attributes.
func (s Steps) attrs(attrs map[string]string) {
	maps.Copy(attrs, s.Limits)
	if s.CgroupParent != "" {
		attrs["cgroup-parent"] = s.CgroupParent
	}
	if s.ShmSize > 0 {
		attrs["shm-size"] = strconv.FormatInt(s.ShmSize, 10)
	}
	if len(s.Ulimits) > 0 {
		attrs["ulimit"] = strings.Join(s.Ulimits, ",")
	}
	if len(s.NoCache) > 0 {
		attrs["no-cache"] = strings.Join(s.NoCache, ",")
	}
}

// entitlements are those that a solve must be granted.
func (r Request) entitlements() []string {
	granted := r.Steps.Entitlements
	if r.Network == "host" {
		granted = append([]string{entitlements.EntitlementNetworkHost.String()}, granted...)
	}
	return granted
}
