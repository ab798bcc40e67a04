package buildkitd

import "strings"

// These limits cap a builder's cache unless the user's configuration has settings for garbage
// collection. BuildKit's own default keeps up to 100 GB or 80 % of the disk, and empties the cache as
// soon as less than 20 % of the disk is free. Here several builders may share a disk, so less is kept.
// The cached results were often built under emulation, so they are not deleted while a tenth of the
// disk is free.
const (
	gcMaxShare  = "50%"  // of the disk,
	gcMaxBytes  = "50GB" // and at most this
	gcMinFree   = "10%"  // of the disk, kept free for everything else
	gcReserved  = "5GB"  // is kept however full the disk is
	gcMountsAge = "168h" // age of unused cache mounts, checkouts and sent contexts to delete,
	gcMounts    = "5GB"  // once the cache is larger than this
)

// gcPolicy returns the value of gcpolicy in [worker.oci]. BuildKit applies the rules in order, each to
// what the previous one left, so the lower of two limits holds: two rules express "a share, but at most
// so many bytes". Shares are of the disk that holds the cache, as buildkitd finds it when it starts.
// (Semantics: cache.calculateKeepBytes and cmd/buildkitd/config.DefaultGCPolicy, v0.33.)
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

// addGC caps the cache unless the configuration has settings for garbage collection.
func addGC(oci map[string]any) {
	for k := range oci {
		switch strings.ToLower(k) {
		case "gc", "gckeepstorage", "reservedspace", "maxusedspace", "minfreespace", "gcpolicy":
			return
		}
	}
	oci["gcpolicy"] = gcPolicy()
}
