package solve

import (
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/docker-multiarch/docker-multiarch/internal/buildcache"
	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/source"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Request is the input of one build: parsed, checked and complete. It does not change afterwards.
type Request struct {
	// Platforms to build for, each once. Empty means the node's own platform, as for docker buildx.
	Platforms []platform.Platform
	// Source is the build context, the Dockerfile and the named contexts.
	Source source.Source

	BuildArgs map[string]string
	Labels    map[string]string
	Target    string
	// ExtraHosts are "name=address" entries for the hosts file of RUN steps. [HostGateway] as the address stands for that of the node.
	ExtraHosts []string
	// Network is the network of RUN steps: "" (the builder's default), "none" or "host".
	Network string
	// NoCache runs every step again; Pull asks the registry for every base image again.
	NoCache, Pull bool

	Secrets []secretsprovider.Source
	SSH     []sshprovider.AgentConfig

	// Steps has the options of RUN steps.
	Steps Steps
	// Own has the values for single platforms, by the platform's text (platform.Format).
	Own map[string]Own
	// Policy decides about the sources of the build; nil decides nothing.
	Policy *spb.Policy

	// Delivery is where the result goes, and in which form.
	sink.Delivery
	// Verify has the options of the gate, which examines the executables of every image before anything is named; nil examines nothing.
	Verify *gate.Options

	// Tests run on each finished image that they are for, before anything is named. The names of one platform's tests differ.
	Tests []smoke.Test
	// AllowMismatch are base images that may be of another platform than the one they are fetched for, named as in FROM.
	AllowMismatch []reference.Named

	// Cache has the build caches to import and export.
	Cache buildcache.Cache

	// Cross selects the steps that run on the node's own platform instead of under an emulator; the zero value selects none.
	Cross cross.Choice

	// Jobs bounds the solves that work at the same time on a node. 0: all native ones, and as many emulated ones as the node has CPUs.
	Jobs int
	// Fallback permits that a node builds the platforms of another one that cannot be used.
	Fallback bool
	// KeepEmulators forbids installing emulators: a platform that a node cannot run is then an error.
	KeepEmulators bool

	// FailFast ends all platforms as soon as one fails that the result needs.
	FailFast bool
	// AllowPartial are the optional platforms: where only they fail, the rest is published.
	AllowPartial []platform.Platform
	// Retry is how often a failed platform is solved again, at most, each time after a pause. Failures that a retry cannot fix are not
	// retried. A step that an emulator crash has ended is retried at least once.
	Retry      int
	RetryPause time.Duration
}

// HostGateway stands for the address under which a node's steps reach its host.
const HostGateway = "host-gateway"

// hostsOn returns the request's ExtraHosts with a node's address.
func (r Request) hostsOn(n Node) []string {
	hosts := slices.Clone(r.ExtraHosts)
	for i, h := range hosts {
		if name, ok := strings.CutSuffix(h, "="+HostGateway); ok {
			hosts[i] = name + "=" + n.HostGateway
		}
	}
	return hosts
}

// CacheRepositories returns the repositories that registry caches are exported to, each once. A refusal by one of them fails the build, so
// they are asked before it. Exports that may fail and repositories of the result are not among them.
func (r Request) CacheRepositories() []reference.Named {
	results := r.Repositories()
	return slices.DeleteFunc(r.Cache.Repositories(r.Platforms), func(repo reference.Named) bool {
		return slices.ContainsFunc(results, func(result reference.Named) bool { return result.Name() == repo.Name() })
	})
}

// targets returns the platforms of the build, in canonical order.
func (r Request) targets(node Node) []platform.Platform {
	if len(r.Platforms) == 0 {
		return []platform.Platform{node.Native()}
	}
	return slices.SortedFunc(slices.Values(r.Platforms), platform.Compare)
}

// ToProbe returns the platforms that a node is asked about, if they are not its own: all of the request, if the build or its tests may run
// programs.
func (r Request) ToProbe() []platform.Platform {
	if !r.Source.MayRun() && len(r.tested(r.Platforms)) == 0 {
		return nil
	}
	return r.Platforms
}

// tested returns the platforms that have tests.
func (r Request) tested(targets []platform.Platform) []platform.Platform {
	var ps []platform.Platform
	for _, p := range targets {
		if len(r.testsOf(p)) > 0 {
			ps = append(ps, p)
		}
	}
	return ps
}

func (r Request) testsOf(p platform.Platform) []smoke.Test {
	return slices.DeleteFunc(slices.Clone(r.Tests), func(t smoke.Test) bool { return !t.For(p) })
}

// optional reports whether the result can do without the platform.
func (r Request) optional(p platform.Platform) bool {
	return platform.Contains(r.AllowPartial, p)
}

// Own has the values of a request that hold for one platform only. They take precedence over the common ones.
type Own struct {
	BuildArgs map[string]string
	// Target is the stage to build; "" for the common one.
	Target string
}

// Steps has the options of RUN steps, and the entitlements of a build. The zero value is BuildKit's default.
type Steps struct {
	// CgroupParent is the parent of the steps' cgroups.
	CgroupParent string
	// ShmSize is the size of /dev/shm in bytes; 0 is BuildKit's default.
	ShmSize int64
	// Ulimits are "name=soft:hard".
	Ulimits []string
	// Limits are the resource limits of each step, by BuildKit's names for them (frontend/dockerui/config.go): memory and memswap in bytes,
	// cpushares, cpuperiod and cpuquota in the kernel's units, cpusetcpus, cpusetmems.
	Limits map[string]string
	// NoCache are the stages whose steps run again.
	NoCache []string
	// Entitlements are what the build is allowed in addition: "network.host", "security.insecure", "device[=…]".
	Entitlements []string
}
