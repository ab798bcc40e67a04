package buildcmd

import (
	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// hostNetwork looks at what the user has named first. The project's file and the Dockerfile came with the context: they cannot decide.
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
		h.Unasked = &cli.Usage{Err: image, Hint: "if the Dockerfile may decide that: " + cli.HostNetworkFlag}
	}
	return h
}
