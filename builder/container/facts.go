package container

import "fmt"

// imageFacts describes a builder image on the engine.
type imageFacts struct {
	Ref     string // as requested
	ID      string
	Version string // of BuildKit; may be a development build's "v0.0.0+unknown"
	Bridge  bool   // has the CNI plugins of BuildKit's bridge network, and they work
	// NoBridge is noBridgeHere if the image has the bridge's plugins but the bridge does not work; else
	// "".
	NoBridge string
}

// These values of labelBridge are the reasons why RUN steps have no bridge under a builder on the
// host's network.
const (
	noPlugins    = "false"
	noBridgeHere = "failed"
)

// bridge returns the value of labelBridge.
func (f imageFacts) bridge() string {
	switch {
	case f.Bridge:
		return "true"
	case f.NoBridge != "":
		return f.NoBridge
	}
	return noPlugins
}

// hostNetworkWarning returns the warning about a node whose RUN steps see the host.
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
