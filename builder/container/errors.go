package container

import (
	"errors"
	"fmt"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// ErrExists means that a builder to create exists already.
var ErrExists = errors.New("it exists already")

// ForeignError means that another program's container has the name of a builder's container.
type ForeignError struct{ Container string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("container %q was not made by docker multiarch", e.Container)
}

// InUseError means that a builder's container has to be replaced, and was still in use at the end of the wait.
type InUseError struct {
	Reasons []string // for the replacement
	Use     string   // "2 running builds", "a connected client"
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("its container must be replaced (%s), but is in use (%s)", strings.Join(e.Reasons, "; "), e.Use)
}

// ImageError means that the engine has no image for the builder, or one whose BuildKit is too old, and that a pull did not help.
type ImageError struct {
	Ref        string
	Version    string // of its BuildKit; "": the engine does not have the image
	MinVersion string // the oldest BuildKit that satisfies the request
	Err        error  // of the pull; nil: the image was pulled, and is too old
}

func (e *ImageError) Error() string {
	switch {
	case e.Version == "":
		return fmt.Sprintf("the engine does not have the builder image %q and cannot pull it: %v", e.Ref, e.Err)
	case e.Err != nil:
		return fmt.Sprintf("the engine's builder image %q has BuildKit %s, the builder needs %s or newer, and the engine cannot pull the image: %v",
			e.Ref, e.Version, e.MinVersion, e.Err)
	}
	return fmt.Sprintf("the builder image %q has BuildKit %s, also after a pull; the builder needs %s or newer", e.Ref, e.Version, e.MinVersion)
}

func (e *ImageError) Unwrap() error { return e.Err }

// PrivilegeError means that an engine refuses the builder's container because it is privileged.
type PrivilegeError struct {
	Address string // of the engine, as the node has it; "": that of the current context
	Own     bool   // the engine has a BuildKit of its own that makes images of several platforms
	Err     error
}

func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("the engine refuses a privileged container: %v", e.Err)
}

func (e *PrivilegeError) Unwrap() error { return e.Err }

// privilege returns the error of a privileged container that was not made or started, as a [PrivilegeError] if that is why.
func (k *reconciler) privilege(err error) error {
	if !engine.RefusesPrivileges(err) {
		return err
	}
	return &PrivilegeError{k.spec.Address, k.info.ContainerdStore, err}
}
