package buildcmd

import (
	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// hostNetwork returns what asks for the host's network. References that the user named come first; the project's file and the
// Dockerfile come with the context, so they cannot ask.
func (j *job) hostNetwork() (h cli.HostNetwork) {
	for _, ref := range j.request.References() {
		if !address.NeedsHostNetwork(ref.Name) {
			continue
		}
		if j.project.has(ref.Name) {
			h.Unasked = j.project.refused(ref.Name)
			continue
		}
		return cli.HostNetwork{Asks: ref.By}
	}
	if h.Unasked != nil {
		return h
	}
	if image := j.request.LoopbackImage(); image != nil {
		h.Unasked = &cli.Usage{Err: image, Hint: "to allow it, use " + cli.HostNetworkFlag}
	}
	return h
}
