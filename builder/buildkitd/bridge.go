package buildkitd

import (
	"crypto/sha256"
	"fmt"
)

// Bridge is BuildKit's network for RUN steps. On the host's network it is an
// interface of the host, so it must be nobody else's.
type Bridge struct{ Name, Subnet string }

// BridgeFor derives a bridge from what names the container of a builder in the world: two
// builders, or two engines, on one machine get two bridges, where BuildKit's
// defaults (buildkit0, 10.10.0.0/16) would collide: the second would share the
// first's interface, hand out the same addresses, and lose the interface when
// the first stops. A [worker.oci] of the user's can choose another.
func BridgeFor(engineID, container string) *Bridge {
	h := sha256.Sum256([]byte(engineID + "\x00" + container))
	return &Bridge{
		Name:   fmt.Sprintf("dma%x", h[:4]), // interface names have at most 15 characters
		Subnet: fmt.Sprintf("10.%d.%d.0/24", 128+int(h[4])%128, h[5]),
	}
}
