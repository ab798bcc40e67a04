package solve

import (
	"slices"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ProbeAhead are the platforms about which a node may be asked before it is known what its own is: those of the request, if they
// are of several architectures, so that one of them is foreign, and if something may run, of the build or of its tests.
func (r Request) ProbeAhead() []platform.Platform {
	foreign := slices.ContainsFunc(r.Platforms, func(p platform.Platform) bool { return p.Architecture != r.Platforms[0].Architecture })
	if !foreign || !r.Source.MayRun() && len(r.tested(r.Platforms)) == 0 {
		return nil
	}
	return r.Platforms
}
