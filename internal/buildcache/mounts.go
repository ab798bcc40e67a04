package buildcache

import (
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Mounts selects whether platforms share the files of RUN --mount=type=cache.
type Mounts int

// The zero value decides by the graphs: each platform has its own mounts if all steps with mounts run on the platform that they build for.
// If one runs on another platform, as in a stage FROM --platform=$BUILDPLATFORM, the mounts stay shared.
const (
	AutoMounts Mounts = iota
	SharedMounts
	IsolatedMounts
)

// CheckMounts is the check of the hint that platforms share their cache mounts.
const CheckMounts = "shared-cache-mounts"

// MountNamespace is the frontend's build argument that separates cache mounts (frontend/dockerui/config.go).
const MountNamespace = "build-arg:BUILDKIT_CACHE_MOUNT_NS"

// Isolate gives the platform cache mounts of its own, unless the user's own build argument does.
func Isolate(attrs map[string]string, p platform.Platform) {
	if _, ok := attrs[MountNamespace]; !ok {
		attrs[MountNamespace] = platform.Format(p)
	}
}

// Isolated decides for [AutoMounts] from the platforms' graphs and the frontend attributes of each. hint, if found, is for the user.
func (m Mounts) Isolated(ps []platform.Platform, graphs []graph.Graph, attrs func(platform.Platform) map[string]string) (isolated bool, hint diag.Diagnostic) {
	if m != AutoMounts {
		return false, hint
	}
	for i, g := range graphs {
		for _, s := range g.CacheMounts() {
			if _, own := attrs(ps[i])[MountNamespace]; own {
				return false, hint
			}
			if isolated = s.Platform.Architecture == "" || platform.Equal(s.Platform, ps[i]); !isolated {
				return false, sharedHint(s, len(ps))
			}
		}
	}
	return isolated, hint
}

func sharedHint(s graph.Step, platforms int) (hint diag.Diagnostic) {
	if platforms < 2 {
		return hint
	}
	hint = diag.Notef("the platforms share their cache mounts, since %q runs on %s for all of them", s.Name, platform.Format(s.Platform))
	hint.Check = CheckMounts
	return hint
}
