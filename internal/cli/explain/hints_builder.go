package explain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/builder/dockerengine"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/trust"
)

// builderHint returns what to do about a builder's container, or about an image that would run with privileges.
func builderHint(err error) string {
	if foreign, ok := errors.AsType[*container.ForeignError](err); ok {
		return fmt.Sprintf("remove or rename container %q, or choose another builder with --builder", foreign.Container)
	}
	if refused, ok := errors.AsType[*container.PrivilegeError](err); ok && refused.Own {
		return "the BuildKit inside the engine needs no privileges:\n      " +
			strings.TrimSpace("docker multiarch builder create --name inside --driver docker --use "+refused.Address)
	}
	if _, ok := errors.AsType[*dockerengine.ClassicStoreError](err); ok {
		return "switch the engine to the containerd image store (\"features\": {\"containerd-snapshotter\": true} in its daemon.json), or use the\n" +
			"      driver docker-container"
	}
	if _, ok := errors.AsType[*dockerengine.VersionError](err); ok {
		return "update the engine, or use the driver docker-container"
	}
	if peers, ok := errors.AsType[*container.PeerMissingError](err); ok {
		return "docker buildx inspect --bootstrap " + peers.Builder + " makes it"
	}
	if _, ok := errors.AsType[*container.InUseError](err); ok {
		return "try again when that has ended, or choose another builder with --builder"
	}
	return oneOf(imageHint(err), trustHint(err))
}

// imageHint returns what to do about a builder image that the engine cannot get, or whose BuildKit is too old.
func imageHint(err error) string {
	image, ok := errors.AsType[*container.ImageError](err)
	switch {
	case !ok:
		return ""
	case image.Version == "":
		return fmt.Sprintf("run \"docker pull %s\" where the registry can be reached, name a mirror's copy with --builder-image,\n"+
			"      or load the image on the engine and trust its ID with --%s", image.Ref, cli.TrustFlag)
	case image.Err != nil:
		return fmt.Sprintf("run \"docker pull %s\", or name another image with --builder-image", image.Ref)
	}
	return "name another image with --builder-image"
}

func trustHint(err error) string {
	unproven, ok := errors.AsType[*trust.UnprovenError](err)
	if !ok {
		return ""
	}
	return fmt.Sprintf("run \"docker pull %s\", or, if you know what this image is, add --%s %s", unproven.Ref, cli.TrustFlag, unproven.ID)
}

// oneOf joins alternatives, each on a line; "" is none.
func oneOf(hints ...string) string {
	return strings.Join(slices.DeleteFunc(hints, func(hint string) bool { return hint == "" }), "\n      or ")
}
