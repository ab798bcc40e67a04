// Package trust decides whether an image of an engine may run with privileges: a builder does, and so does what installs emulators, so
// such an image is root on the engine's host.
//
// A name proves nothing. Whoever builds or loads something chooses the names that it gets, and a name may come from an archive or from
// a file of somebody else's project. So an image passes for one of two reasons only:
//
//   - The engine knows it as one that it has pulled from the very repository that is wanted ([engine.Engine.Origins]), or its ID is the
//     digest that is wanted. (A containerd store keeps no ports: registries on two ports of one host are one to it.)
//   - The user trusts its ID. That is for engines that reach no registry.
//
// Labels of images and containers are no reason.
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

// Basis is why an image passes.
type Basis string

// The reasons.
const (
	None   Basis = ""       // it does not pass
	Pulled Basis = "pulled" // it is from the repository that is wanted
	ByUser Basis = "user"   // the user trusts its ID
)

// Images are those of an engine.
type Images struct {
	*engine.Engine
	Trusted []digest.Digest // the IDs that the user trusts, as the engine shows them
	// Auth returns the encoded X-Registry-Auth header for an image, or "". nil means none.
	Auth func(ctx context.Context, image string) (string, error)
}

// Verified is the ID of the image that the engine has under ref, "" if it has none. What may not run with privileges is an
// [*UnprovenError].
func (m Images) Verified(ctx context.Context, ref string) (id string, err error) {
	if id, err = m.ImageID(ctx, ref); err != nil || id == "" {
		return "", err
	}
	return id, m.Check(ctx, id, ref)
}

// Check is an [*UnprovenError] unless the image of that ID may run with privileges in the place of ref, which is the name that is wanted.
func (m Images) Check(ctx context.Context, id, ref string) error {
	basis, err := m.Judge(ctx, id, ref)
	if err == nil && basis == None {
		err = &UnprovenError{Ref: ref, ID: id}
	}
	return err
}

// Judge is Check that gives the reason. Of an image that the user trusts the engine is asked nothing.
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
		return Pulled, nil // its content is what was asked for, wherever it came from
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

// nameOfOrigin is a repository as the engine's origins name it: containerd leaves the registry's port out.
func (m Images) nameOfOrigin(ctx context.Context, want reference.Named) (string, error) {
	info, err := m.Info(ctx)
	if err != nil || !info.ContainerdStore {
		return want.Name(), err
	}
	host, _, _ := strings.Cut(reference.Domain(want), ":")
	return host + "/" + reference.Path(want), nil
}

// registryPatience is how long a registry may take for an answer about an image that the engine has.
const registryPatience = 15 * time.Second

// askRegistry is for an engine with a containerd store that does not show where its content is from: what the registry has under the
// name now is the image, or nothing is proven. A registry that does not answer proves nothing, and is no error.
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

// UnprovenError is an image that may not run with privileges. Its text says what its user can do.
type UnprovenError struct {
	Ref string // the name that is wanted
	ID  string // of the image, as the engine shows it
	Err error  // why it could not be pulled; nil: that was not tried
}

func (e *UnprovenError) Error() string {
	text := fmt.Sprintf("image %q would run with privileges, and the engine does not know it as pulled from %s", e.Ref, Repository(e.Ref))
	if e.Err != nil {
		text += fmt.Sprintf(", nor can it be pulled (%v)", e.Err)
	}
	return fmt.Sprintf("%s: run \"docker pull %s\", or, if you know what this image is, add --trust-image %s", text, e.Ref, e.ID)
}

func (e *UnprovenError) Unwrap() error { return e.Err }

// Repository is the full name of the repository that an image's name is of: "docker.io/moby/buildkit".
func Repository(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return named.Name()
}
