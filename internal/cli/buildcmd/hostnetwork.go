package buildcmd

import (
	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// hostNetwork returns the reference that needs the host's network. Only a reference from the command line may ask for it: the project file
// and the Dockerfile come with the context.
func (j *job) hostNetwork() (h cli.HostNetwork) {
	for _, ref := range j.request.References() {
		if !address.NeedsHostNetwork(ref.Name) {
			continue
		}
		if j.project.has(ref.Name) {
			h.PermissionErr = j.project.refused(ref.Name)
			continue
		}
		return cli.HostNetwork{RequestedBy: ref.By}
	}
	if h.PermissionErr != nil {
		return h
	}
	if image := j.request.LoopbackImage(); image != nil {
		h.PermissionErr = &cli.Usage{Err: image, Hint: "to allow it, use " + cli.HostNetworkFlag}
	}
	return h
}
