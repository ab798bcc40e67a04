package solve

import "github.com/docker-multiarch/docker-multiarch/internal/buildcache"

// The names of package buildcache, as the command has them.
type (
	Cache       = buildcache.Cache
	CacheEntry  = buildcache.Entry
	CacheError  = buildcache.ExportError
	CacheMounts = buildcache.Mounts
)

// See package buildcache.
const (
	AutoMounts     = buildcache.AutoMounts
	SharedMounts   = buildcache.SharedMounts
	IsolatedMounts = buildcache.IsolatedMounts
	PlatformMark   = buildcache.PlatformMark
)
