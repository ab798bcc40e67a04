package buildkitd

import "strings"

// The cap on a builder's cache that holds unless the user's configuration says
// something about garbage collection. BuildKit's own default keeps up to 100 GB
// or 80 % of the disk, and empties the cache as soon as less than 20 % of the
// disk is free. Here several builders may share a disk, so less may be kept; and
// what is kept was often built under emulation, so it is not given up while a
// tenth of the disk is free.
const (
	gcMaxShare  = "50%"  // of the disk,
	gcMaxBytes  = "50GB" // and at most this
	gcMinFree   = "10%"  // of the disk, for everybody else
	gcReserved  = "5GB"  // is kept however full the disk is
	gcMountsAge = "168h" // of cache mounts, checkouts and sent contexts that nobody uses,
	gcMounts    = "5GB"  // once the cache is larger than this
)

// gcPolicy is the value of gcpolicy in [worker.oci]. Rules are applied in their
// order, each to what the one before has left, so of two limits the lower one
// holds: that is how "a share, but at most so much" is said. Shares are of the
// disk that holds the cache, as buildkitd finds it when it starts. (Semantics:
// cache.calculateKeepBytes and cmd/buildkitd/config.DefaultGCPolicy, v0.33.)
func gcPolicy() []any {
	rule := func(more map[string]any, limit string) map[string]any {
		r := map[string]any{"maxUsedSpace": limit, "minFreeSpace": gcMinFree, "reservedSpace": gcReserved}
		for k, v := range more {
			r[k] = v
		}
		return r
	}
	all := map[string]any{"all": true}
	return []any{
		map[string]any{
			"filters":      []any{"type==source.local", "type==exec.cachemount", "type==source.git.checkout"},
			"keepDuration": gcMountsAge, "maxUsedSpace": gcMounts,
		},
		rule(nil, gcMaxShare), rule(nil, gcMaxBytes),
		rule(all, gcMaxShare), rule(all, gcMaxBytes),
	}
}

// addGC caps the cache unless the configuration says something about that itself.
func addGC(oci map[string]any) {
	for k := range oci {
		switch strings.ToLower(k) {
		case "gc", "gckeepstorage", "reservedspace", "maxusedspace", "minfreespace", "gcpolicy":
			return
		}
	}
	oci["gcpolicy"] = gcPolicy()
}
