package container

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Why RUN steps have no bridge under a builder on the host's network, as labelBridge has it.
const (
	noPlugins    = "false"
	noBridgeHere = "failed"
)

// bridge is the value of labelBridge.
func (f imageFacts) bridge() string {
	switch {
	case f.Bridge:
		return "true"
	case f.NoBridge != "":
		return f.NoBridge
	}
	return noPlugins
}

// hostNetworkWarning is said about a node whose RUN steps see the host.
func hostNetworkWarning(image imageFacts) string {
	why := fmt.Sprintf("its image %q lacks BuildKit's bridge network (buildkit-cni-*)", image.Ref)
	if image.NoBridge != "" {
		why = "BuildKit's bridge network cannot be set up on its host"
	}
	return "RUN steps see the host's network: the builder is on it, and " + why
}

// unbridged makes the container anew without the bridge, if it was the bridge that BuildKit has ended of.
func (k *keeper) unbridged(ctx context.Context, now observed, lines []string) (done bool, err error) {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "CNI") })
	if i < 0 || !now.Image.Bridge || now.Settings.Network != hostNetwork {
		return false, nil
	}
	k.say("starting without BuildKit's bridge network, which cannot be set up on its host: " + strings.TrimPrefix(lines[i], "buildkitd: "))
	k.noBridge = true
	return true, k.create(ctx, now)
}
