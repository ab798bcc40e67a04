package builder

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Spec is a caller's request for a node, whichever driver it has. The zero value is valid; a setting
// that is not given is satisfied by any value.
type Spec struct {
	Image       string             // of a BuildKit that the driver starts; "": the existing one, else the driver's choice
	MinVersion  string             // "": MinVersion
	ToolVersion string             // version of this program, recorded on what a driver makes
	Host        HostNetwork        // the network of the machine that BuildKit runs on
	Daemon      buildkitd.Settings // of a buildkitd that the driver starts

	// Trusted are the IDs of images that the user trusts to run with privileges, in the engine's form.
	// Other images must have been pulled from the repository of the requested image (see package
	// trust).
	Trusted []digest.Digest
	// Auth returns the encoded X-Registry-Auth header for pulling image, or "".
	// nil means none.
	Auth func(ctx context.Context, image string) (string, error)

	// Probe are platforms that [Node.Probe] will be asked about. If some are not the node's own, the
	// probe begins at once; a driver may begin before BuildKit answers.
	Probe []platform.Platform

	// Permit, if not nil, is called before anything is made or replaced. If it returns an error, nothing
	// is made, and Connect returns that error.
	Permit func(context.Context) error

	BusyWait  time.Duration // how long to wait while builds run in a node that must be replaced; 0: the driver's choice; negative: not at all
	StartWait time.Duration // how long a BuildKit that was started may take to answer; 0: the driver's choice
}

// HostNetwork determines whether a node is on the network of the machine that it runs on.
type HostNetwork struct {
	// Requested is true if the user has named a registry that a builder reaches on the host's network only.
	// For is where, for messages: "-t localhost:5000/app".
	Requested bool
	For       string
	// PermissionErr, if not nil, is the error of Connect for a need of the host's network that is no
	// permission to use it. It is not returned if this build asks for that network anyway, or the
	// builder's user has chosen one for the builder.
	PermissionErr error
}
