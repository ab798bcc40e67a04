package builder

import (
	"context"
	"fmt"
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

	// Probes is a folder that remembers for some minutes which platforms nodes without a shell ran; "" if there is none.
	Probes string

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

// CheckConnectOnly returns an error if the caller wants settings that a driver can give only to a BuildKit that
// it starts itself. why is the reason why this driver cannot.
func (s Spec) CheckConnectOnly(why error) error {
	switch {
	case s.Image != "":
		return fmt.Errorf("%w: it has no use for the image %q", why, s.Image)
	case s.Daemon.Config.TOML != nil:
		return fmt.Errorf("%w: it has no use for a configuration file", why)
	case len(s.Daemon.Flags) > 0:
		return fmt.Errorf("%w: it has no use for the flags %q of buildkitd", why, s.Daemon.Flags)
	}
	return nil
}

// Refused returns PermissionErr if a node that is on its host's network may not be used: the build does not
// ask for that network. chosen reports that the node's user has chosen it.
func (h HostNetwork) Refused(chosen bool) error {
	if h.Requested || chosen {
		return nil
	}
	return h.PermissionErr
}
