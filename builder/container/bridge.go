package container

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// bridge is BuildKit's network for RUN steps. On the host's network it is an
// interface of the host, so it must be nobody else's.
type bridge struct{ name, subnet string }

// bridgeFor derives a bridge from what names the builder in the world: two
// builders, or two engines, on one machine get two bridges, where BuildKit's
// defaults (buildkit0, 10.10.0.0/16) would collide: the second would share the
// first's interface, hand out the same addresses, and lose the interface when
// the first stops. A [worker.oci] of the user's can choose another.
func bridgeFor(engineID, builder string, s side) *bridge {
	h := sha256.Sum256([]byte(engineID + "\x00" + builder + string(s)))
	return &bridge{
		name:   fmt.Sprintf("dma%x", h[:4]), // interface names have at most 15 characters
		subnet: fmt.Sprintf("10.%d.%d.0/24", 128+int(h[4])%128, h[5]),
	}
}

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
