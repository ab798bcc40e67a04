package buildkitd

import (
	"crypto/sha256"
	"fmt"
)

// Bridge is BuildKit's network for RUN steps. On the host's network it is an interface of the host, so
// no other builder may use it.
type Bridge struct{ Name, Subnet string }

// BridgeFor derives a bridge from the names of the engine and the container. So two builders, or two
// engines, on one machine get two bridges. With BuildKit's defaults (buildkit0, 10.10.0.0/16) they
// would collide: the second builder would share the first one's interface, hand out the same addresses,
// and lose the interface when the first one stops. The user can choose another bridge in [worker.oci].
func BridgeFor(engineID, container string) *Bridge {
	h := sha256.Sum256([]byte(engineID + "\x00" + container))
	return &Bridge{
		Name:   fmt.Sprintf("dma%x", h[:4]), // interface names have at most 15 characters
		Subnet: fmt.Sprintf("10.%d.%d.0/24", 128+int(h[4])%128, h[5]),
	}
}
