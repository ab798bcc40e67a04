// Package imagecheck runs the gate on a build's finished images: it judges their executables, before anything is named.
package imagecheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/address"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/onnode"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Checker judges the executables of the finished images. It reads each layer once for all platforms: from the builder, or from the registry
// if the builder did not need to fetch the layer. A registry on this machine comes first for large layers, since it sends files faster than
// the builder sends its messages. A builder that is not near lists the layers itself; the registry comes first for those that it cannot list.
type Checker struct {
	opt    gate.Options
	env    Env
	lister *layers.Lister

	mu     sync.Mutex
	pushed manifest.Image // an image that the registry has; zero if nothing is pushed

	opening chan struct{} // holds one element while repo is opened or read
	repo    content.Fetcher

	unable sync.Once // the node does not list its layers
}

// Env has the services that a Checker uses.
type Env struct {
	// Store is that of the node that makes the images; nil if it has none.
	Store    content.Fetcher
	Registry *manifest.Client
	// Far lists layers on the node; nil if the node is near, so that reading its layers costs less.
	Far *onnode.Node
	// Listings is the folder of the cached layer listings, so that no layer is read twice; "" caches nothing.
	Listings string
	// During runs work, and shows it if it lasts.
	During func(what string, work func() error) error
	// Note is told once if the node does not list its layers.
	Note diag.Notes
}

// New returns a Checker for one build on one node.
func New(opt gate.Options, env Env) *Checker {
	c := &Checker{opt: opt, env: env, opening: make(chan struct{}, 1)}
	c.lister = &layers.Lister{Fetch: c.fetch, Cache: env.Listings}
	if env.Store != nil {
		c.lister.FetchLocal = env.Store.Fetch
	}
	return c
}

// Image is an image to judge.
type Image struct {
	Platform platform.Platform // the requested platform
	Child    index.Child
	Base     ocispecs.Image // the configuration of its base image; zero if there is none
	Graph    graph.Graph    // the graph that it was made from
}

// Found has the findings in an image.
type Found struct {
	gate.Result
	image gate.Image // zero if the image was not examined
}

// Check judges an image. If it must not be published the error is a [gate.RefusedError].
func (c *Checker) Check(ctx context.Context, img Image) (found Found, err error) {
	if img.Child.Image.Repository != nil {
		c.mu.Lock()
		c.pushed = img.Child.Image
		c.mu.Unlock()
	}
	err = c.env.During("examining the executables for "+platform.Format(img.Platform), func() error {
		config, err := c.config(ctx, img.Child)
		if err != nil {
			return err
		}
		found.image = gate.Image{
			Platform: img.Platform, Config: config, Layers: gateLayers(img.Child.Image.Layers, config, img.Base, img.Graph), Base: img.Base.Platform,
		}
		found.Result, err = gate.Examine(ctx, found.image, c.listerOf(found.image), c.opt)
		return err
	})
	switch {
	case err != nil:
		return found, fmt.Errorf("cannot examine the executables of the image: %w", err)
	case found.Verdict == gate.Refused:
		return found, &gate.RefusedError{Findings: found.Findings}
	}
	return found, nil
}

// Unmatched returns a warning for each of the user's patterns that matches nothing in any image that was examined.
func Unmatched(all []Found) []diag.Diagnostic {
	var looked []gate.Result
	for _, f := range all {
		if f.image.Layers != nil {
			looked = append(looked, f.Result)
		}
	}
	return gate.Unmatched(looked)
}

// Compare adds to the findings which platforms have the same files. Zero values are skipped.
func Compare(all []*Found) {
	var images []gate.Image
	for _, f := range all {
		if f.image.Layers != nil {
			images = append(images, f.image)
		}
	}
	for _, same := range gate.SameLayers(images) {
		for _, f := range all {
			if platform.Format(f.image.Platform) == same.Platform() {
				f.Findings = append(f.Findings, same)
			}
		}
	}
}

// config reads the configuration of an image.
func (c *Checker) config(ctx context.Context, child index.Child) (config ocispecs.Image, err error) {
	child.Layers = content.FetcherFunc(c.fetch)
	body, err := content.FetchAll(ctx, child, child.Image.Config)
	if err == nil {
		err = json.Unmarshal(body, &config)
	}
	return config, err
}

// large is the size in bytes from which on the speed of reading a blob matters.
const large = 1 << 20

// fetch opens a blob of a finished image.
func (c *Checker) fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.Size >= large && (c.env.Far != nil || c.near()) {
		if repo, err := c.repository(ctx); err == nil && repo != nil {
			if r, err := repo.Fetch(ctx, desc); err == nil {
				return r, nil
			}
		}
	}
	r, err := c.env.Store.Fetch(ctx, desc)
	if err == nil || !errdefs.IsNotFound(err) {
		return r, err
	}
	repo, rerr := c.repository(ctx)
	if repo == nil {
		return nil, errors.Join(err, rerr)
	}
	return repo.Fetch(ctx, desc)
}

// near reports whether the images are pushed to a registry on this machine.
func (c *Checker) near() bool {
	named := c.pushedImage().Repository
	return named != nil && address.IsLoopback(reference.Domain(named))
}

func (c *Checker) pushedImage() manifest.Image {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pushed
}

// repository returns the repository of the images, nil if they are not pushed. It is opened once; others wait, until ctx ends.
func (c *Checker) repository(ctx context.Context) (content.Fetcher, error) {
	pushed := c.pushedImage()
	select {
	case c.opening <- struct{}{}:
		defer func() { <-c.opening }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if c.repo != nil || pushed.Repository == nil {
		return c.repo, nil
	}
	ref, err := reference.WithDigest(pushed.Repository, pushed.Descriptor.Digest)
	if err != nil {
		return nil, err
	}
	_, source, err := c.env.Registry.Source(ctx, ref)
	if err == nil {
		c.repo = source
	}
	return c.repo, err
}
