package builder

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/builder/buildkitd"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Spec is what a caller wants of a node, whichever driver it has. The zero value
// is a good node; what it leaves unsaid is satisfied by whatever is there.
type Spec struct {
	Image       string             // of a BuildKit that the driver starts; "": the one that is there, else the driver's choice
	MinVersion  string             // "": MinVersion
	ToolVersion string             // version of this program, recorded on what a driver makes
	Host        HostNetwork        // the network of the machine that BuildKit runs on
	Daemon      buildkitd.Settings // of a buildkitd that the driver starts

	// Trusted are the IDs of images that the user trusts to run with privileges, as
	// an engine shows them. Others must have been pulled from the repository of the
	// image that was asked for (see package trust).
	Trusted []digest.Digest
	// Auth returns the encoded X-Registry-Auth header for pulling image, or "".
	// nil means none.
	Auth func(ctx context.Context, image string) (string, error)

	// Probe are platforms that [Node.Probe] will be asked about, if there are some
	// that are not the node's own. It is begun to find out at once; a driver may
	// begin before BuildKit answers.
	Probe []platform.Platform

	// May, if not nil, is asked before anything is made or replaced: an error
	// means that it is not worth while, and is the error of Connect.
	May func(context.Context) error

	BusyWait  time.Duration // how long a node that must be replaced is waited for while builds run in it; 0: the driver's choice; negative: not at all
	StartWait time.Duration // how long a BuildKit that was started may take to answer; 0: the driver's choice
}

// HostNetwork says whether a node is to be on the network of the machine that it
// runs on.
type HostNetwork struct {
	// Asked when the user has named a registry that a builder reaches on the host's
	// network only. For says where, for messages: "-t localhost:5000/app".
	Asked bool
	For   string
	// Unasked, if not nil, says that something needs the host's network which may
	// not ask for it. It is the error of Connect, unless this build asks for a
	// network all the same, or the builder's user has chosen one for the builder.
	Unasked error
}
