package container

import "fmt"

// imageFacts is what was found out about a builder image on the engine.
type imageFacts struct {
	Ref     string // as wanted
	ID      string
	Version string // of BuildKit; may be a development build's "v0.0.0+unknown"
	Bridge  bool   // has the CNI plugins of BuildKit's bridge network, and they work
	// NoBridge says why the bridge is not there although the image has its plugins: noBridgeHere; else "".
	NoBridge string
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

func factsFromLabels(labels map[string]string) imageFacts {
	f := imageFacts{
		Ref:     labels[labelImage],
		ID:      labels[labelImageID],
		Version: labels[labelVersion],
		Bridge:  labels[labelBridge] == "true",
	}
	if labels[labelBridge] == noBridgeHere {
		f.NoBridge = noBridgeHere
	}
	return f
}
