package solve

import (
	"maps"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Own are the values of a request that hold for one platform only. They win over the common ones.
type Own struct {
	BuildArgs map[string]string
	// Target is the stage to build; "" for the common one.
	Target string
}

// buildArgs are all that hold for the platform. The map is new.
func (r Request) buildArgs(p platform.Platform) map[string]string {
	args := map[string]string{}
	maps.Copy(args, r.BuildArgs)
	maps.Copy(args, r.Own[platform.Format(p)].BuildArgs)
	return args
}

func (r Request) target(p platform.Platform) string {
	if own := r.Own[platform.Format(p)].Target; own != "" {
		return own
	}
	return r.Target
}
