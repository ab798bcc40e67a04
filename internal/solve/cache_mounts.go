package solve

import (
	"fmt"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// CacheMounts says whether platforms see one another's files in RUN --mount=type=cache.
type CacheMounts int

// The zero value decides by the graphs: each platform has its own mounts where all steps with some run on the platform that they
// build for; where one runs on another, as in a stage FROM --platform=$BUILDPLATFORM, they stay shared.
const (
	AutoMounts CacheMounts = iota
	SharedMounts
	IsolatedMounts
)

// mountNamespace is the frontend's build argument that sets cache mounts apart (frontend/dockerui/config.go).
const mountNamespace = "build-arg:BUILDKIT_CACHE_MOUNT_NS"

// isolate gives the platform cache mounts of its own, unless the user's own build argument does.
func isolate(attrs map[string]string, p platform.Platform) {
	if _, ok := attrs[mountNamespace]; !ok {
		attrs[mountNamespace] = platform.Format(p)
	}
}

// isolated decides for [AutoMounts]; the hint is for the user, where there is one.
func (c clearing) isolated(graphs []graph.Graph) (isolated bool, hint string) {
	if c.req.Cache.Mounts != AutoMounts {
		return false, ""
	}
	for i, g := range graphs {
		for _, s := range g.CacheMounts() {
			if _, own := c.req.attrs(c.targets[i], "")[mountNamespace]; own {
				return false, ""
			}
			if isolated = s.Platform.Architecture == "" || platform.Equal(s.Platform, c.targets[i]); !isolated {
				return false, sharedHint(s, len(c.targets))
			}
		}
	}
	return isolated, ""
}

func sharedHint(s graph.Step, platforms int) string {
	if platforms < 2 {
		return ""
	}
	return fmt.Sprintf("the platforms share their cache mounts, since %q runs on %s for all of them "+
		"(--cache-mounts=isolated gives each its own, shared is content with it)", s.Name, platform.Format(s.Platform))
}
