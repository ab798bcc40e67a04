package builder

import (
	"time"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Status is what can be said about a node without asking its BuildKit. A node may
// be two containers; then each has a Status.
type Status struct {
	Builder   string
	Node      int
	OnHost    bool // the container for builds that ask for the host's network, and for no others
	Driver    string
	Container string
	State     string            // the engine's word: "running", "exited", "paused", …
	Image     string            // as it was asked for
	BuildKit  string            // version
	Network   string            // "host", "" for the engine's default, or a network's name
	Volume    string            // that holds its cache
	Fixed     []string          // platforms that its user said it is for
	Flags     []string          // of buildkitd, as the user said them
	Options   map[string]string // driver options; values of env.* are masked
	Created   time.Time
}

// Details is all that is known about a node. Its lists are sorted.
type Details struct {
	Status
	Proxies    map[string]string // passwords are masked
	CertHosts  []string          // registries that it has certificates for
	Insecure   []string          // registries that the engine trusts without verifying, and so does it
	Mirrors    []string          // of Docker Hub
	AddHosts   []string
	UserConfig bool   // it has a BuildKit configuration of the user's
	Config     string // buildkitd.toml as BuildKit reads it; "" if it could not be read
	RunNetwork string // what RUN steps see: "bridge" (BuildKit's own) or "builder" (what the builder sees)
	Tool       string // version of the program that made it
	ID         string // of the container

	// The rest is known of a running builder only.
	Platforms []platform.Platform  // of its worker, native first
	GCPolicy  []bkclient.PruneInfo // rules of garbage collection, sizes in bytes; applied in this order
	Usage     *Usage
	Disk      *Disk
	Builds    int // running builds
}

// Usage is what a builder's cache takes, in bytes.
type Usage struct {
	Total       int64
	Reclaimable int64 // of Total: what nothing uses now
}

// Sum adds records of a cache up. Those whose size is not known count nothing.
func Sum(records []*bkclient.UsageInfo) Usage {
	var u Usage
	for _, r := range records {
		if r.Size <= 0 {
			continue
		}
		u.Total += r.Size
		if !r.InUse {
			u.Reclaimable += r.Size
		}
	}
	return u
}

// Disk is the file system that holds a builder's cache, in bytes.
type Disk struct {
	Total int64
	Free  int64 // for everybody, root's reserve not counted
}

// fullBelow is how much may be free at most for a disk to be nearly full.
const fullBelow = 10e9

// NearlyFull says whether less than a tenth of the disk, and less than 10 GB, is
// free: with less than a tenth garbage collection has begun to take the cache
// back, and more than 10 GB is room for a build on any disk.
func (d Disk) NearlyFull() bool {
	return d.Total > 0 && d.Free < d.Total/10 && d.Free < fullBelow
}
