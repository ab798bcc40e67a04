package builder

import (
	"time"

	bkclient "github.com/moby/buildkit/client"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Status describes a node without asking its BuildKit. A node may have two containers; then each has a
// Status.
type Status struct {
	Builder   string
	Node      int
	OnHost    bool // the container for builds that ask for the host's network, and for no others
	Driver    string
	Container string
	State     string            // as the engine names it: "running", "exited", "paused", …
	Image     string            // as requested
	BuildKit  string            // version
	Network   string            // "host", "" for the engine's default, or a network's name
	Volume    string            // the volume that holds its cache
	Fixed     []string          // platforms that the user gave
	Flags     []string          // of buildkitd, in the user's spelling
	Options   map[string]string // driver options; values of env.* are masked
	Created   time.Time
}

// Endpoint returns the node's endpoint, on the engine that has given the Status.
func (s Status) Endpoint() Endpoint {
	return Endpoint{Builder: s.Builder, Index: s.Node, Driver: s.Driver}
}

// Details are all known facts about a node. Its lists are sorted.
type Details struct {
	Status
	Proxies    map[string]string // passwords are masked
	CertHosts  []string          // registries that it has certificates for
	Insecure   []string          // registries that the engine, and so the node, uses without verification
	Mirrors    []string          // of Docker Hub
	AddHosts   []string
	UserConfig bool   // it has a BuildKit configuration of the user
	Config     string // buildkitd.toml as BuildKit reads it; "" if it could not be read
	RunNetwork string // the network of RUN steps: "bridge" (BuildKit's own) or "builder" (that of the builder)
	Tool       string // version of the program that made it
	ID         string // of the container
	Err        error  // why a running BuildKit has not answered

	// The fields below are known only for a running builder.
	Platforms []platform.Platform  // of its worker, native first
	GCPolicy  []bkclient.PruneInfo // rules of garbage collection, sizes in bytes; applied in this order
	Usage     *Usage
	Disk      *Disk
	Builds    int // running builds
}

// Usage is the size of a builder's cache, in bytes.
type Usage struct {
	Total       int64
	Reclaimable int64 // of Total: unused now
}

// Sum adds up the records of a cache. Records of unknown size do not count.
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
	Free  int64 // without root's reserve
}

// fullBelow is the free space below which a disk can count as nearly full.
const fullBelow = 10e9

// NearlyFull reports whether less than a tenth of the disk, and less than 10 GB, is free: with less
// than a tenth, garbage collection has begun to shrink the cache, and more than 10 GB is room for a
// build on any disk.
func (d Disk) NearlyFull() bool {
	return d.Total > 0 && d.Free < d.Total/10 && d.Free < fullBelow
}
