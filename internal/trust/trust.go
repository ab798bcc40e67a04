// Package trust decides whether an image of an engine may run with privileges. Builders do, and so do the installers of
// emulators, so such an image is root on the engine's host.
//
// A name proves nothing. Anyone who builds or loads an image chooses its names, and a name may come from an archive or from a file
// of another project. So an image passes for one of two reasons only:
//
//   - The engine records that it has pulled the image from the requested repository ([engine.Engine.Origins]), or the image's ID
//     is the requested digest. (A containerd store records no ports: it does not distinguish registries on two ports of one
//     host.)
//   - The user trusts its ID. That is for engines that reach no registry.
//
// Labels of images and containers do not count.
package trust

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/engine"
)

// Basis is the reason why an image passes.
type Basis string

// These are the reasons.
const (
	None   Basis = ""       // it does not pass
	Pulled Basis = "pulled" // it is from the requested repository
	ByUser Basis = "user"   // the user trusts its ID
)

// Images are the images of an engine.
type Images struct {
	*engine.Engine
	Trusted []digest.Digest // the IDs that the user trusts, in the engine's form
	// Auth returns the encoded X-Registry-Auth header for an image, or "". nil means none.
	Auth func(ctx context.Context, image string) (string, error)
}

// Verified returns the ID of the image that the engine has under ref, "" if it has none. The error for an image that may not run
// with privileges is an [*UnprovenError].
func (m Images) Verified(ctx context.Context, ref string) (id string, err error) {
	if id, err = m.ImageID(ctx, ref); err != nil || id == "" {
		return "", err
	}
	return id, m.Check(ctx, id, ref)
}

// Check returns an [*UnprovenError] unless the image of that ID may run with privileges as ref, the requested name.
func (m Images) Check(ctx context.Context, id, ref string) error {
	basis, err := m.Judge(ctx, id, ref)
	if err == nil && basis == None {
		err = &UnprovenError{Ref: ref, ID: id}
	}
	return err
}

// Judge is Check with the reason. For an image that the user trusts, no request to the engine is made.
func (m Images) Judge(ctx context.Context, id, ref string) (Basis, error) {
	if slices.Contains(m.Trusted, digest.Digest(id)) {
		return ByUser, nil
	}
	want, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return None, fmt.Errorf("invalid image name %q: %w", ref, err)
	}
	wanted, exact := want.(reference.Digested)
	if exact && wanted.Digest() == digest.Digest(id) {
		return Pulled, nil // its content is the requested one, wherever it came from
	}
	name, err := m.nameOfOrigin(ctx, want)
	if err != nil {
		return None, err
	}
	origins, err := m.Origins(ctx, id)
	if errors.Is(err, engine.ErrNoContent) {
		return m.askRegistry(ctx, id, ref)
	}
	for _, origin := range origins {
		if origin.Name() == name && (!exact || origin.Digest() == wanted.Digest()) {
			return Pulled, nil
		}
	}
	return None, err
}

// nameOfOrigin returns a repository as the engine's origins name it: containerd leaves out the registry's port.
func (m Images) nameOfOrigin(ctx context.Context, want reference.Named) (string, error) {
	info, err := m.Info(ctx)
	if err != nil || !info.ContainerdStore {
		return want.Name(), err
	}
	host, _, _ := strings.Cut(reference.Domain(want), ":")
	return host + "/" + reference.Path(want), nil
}

// registryPatience is how long a registry may take to answer about an image that the engine has.
const registryPatience = 15 * time.Second

// askRegistry is for an engine with a containerd store that does not show the origins of its content: either the registry has the
// image under the name now, or nothing is proven. A registry that does not answer proves nothing, and is not an error.
func (m Images) askRegistry(ctx context.Context, id, ref string) (Basis, error) {
	auth := ""
	if m.Auth != nil {
		var err error
		if auth, err = m.Auth(ctx, ref); err != nil {
			return None, fmt.Errorf("credentials for %q: %w", ref, err)
		}
	}
	bounded, cancel := context.WithTimeout(ctx, registryPatience)
	defer cancel()
	has, err := m.RegistryDigest(bounded, ref, auth)
	if err != nil || has != digest.Digest(id) {
		return None, context.Cause(ctx)
	}
	return Pulled, nil
}

// UnprovenError means that an image may not run with privileges.
type UnprovenError struct {
	Ref string // the requested name
	ID  string // of the image, as the engine shows it
	Err error  // why it could not be pulled; nil: no pull was tried
}

func (e *UnprovenError) Error() string {
	text := fmt.Sprintf("image %q may not run with privileges: the engine does not know it as pulled from %s", e.Ref, Repository(e.Ref))
	if e.Err != nil {
		text += fmt.Sprintf(", and cannot pull it: %v", e.Err)
	}
	return text
}

func (e *UnprovenError) Unwrap() error { return e.Err }

// Repository returns the full name of the repository in an image's name: "docker.io/moby/buildkit".
func Repository(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return named.Name()
}
