// Package imagecheck judges the executables of a build's finished images, before anything is named.
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
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Checker judges the executables of the finished images. Each layer is read once for all platforms: from the builder, where it is
// already; else from the registry, which has what the builder did not need to fetch. A registry on this machine is asked first for what is
// large, since it sends files faster than the builder its messages.
type Checker struct {
	opt    gate.Options
	env    Env
	lister *layers.Lister

	mu     sync.Mutex
	pushed manifest.Image // one that the registry has; zero if nothing is pushed
	repo   content.Fetcher
}

// Env is what a Checker asks.
type Env struct {
	// Store is that of the node that makes the images; nil if it has none.
	Store    content.Fetcher
	Registry *manifest.Client
	// Listings is a folder that keeps what layers have, so that none is read twice; "" keeps nothing.
	Listings string
	// During does work that is shown if it lasts.
	During func(what string, work func() error) error
}

// New is a Checker for one build on one node.
func New(opt gate.Options, env Env) *Checker {
	c := &Checker{opt: opt, env: env}
	c.lister = &layers.Lister{Fetch: c.fetch, Cache: env.Listings}
	if env.Store != nil {
		c.lister.Near = env.Store.Fetch
	}
	return c
}

// Image is what is judged.
type Image struct {
	Platform platform.Platform // that was asked for
	Child    index.Child
	Base     ocispecs.Image // the configuration of the image that it goes on from; zero if there is none
	Graph    graph.Graph    // that it was made by
}

// Found is what an image was found to be.
type Found struct {
	gate.Result
	image gate.Image // zero if it was not looked at
}

// Check judges an image. One that must not be published is a [gate.RefusedError].
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
		found.Result, err = gate.Examine(ctx, found.image, c.lister, c.opt)
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

// Idle are the user's patterns that match nothing of any image that was looked at.
func Idle(all []Found) []string {
	var looked []gate.Result
	for _, f := range all {
		if f.image.Layers != nil {
			looked = append(looked, f.Result)
		}
	}
	return gate.Unmatched(looked)
}

// Compare notes in what was found which platforms were given the same files. Zero values take no part.
func Compare(all []*Found) {
	var images []gate.Image
	for _, f := range all {
		if f.image.Layers != nil {
			images = append(images, f.image)
		}
	}
	for _, same := range gate.SameLayers(images) {
		for _, f := range all {
			if platform.Format(f.image.Platform) == same.Platform {
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

// large is from how many bytes on it matters how fast a blob is read.
const large = 1 << 20

// fetch opens a blob of a finished image.
func (c *Checker) fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.Size >= large && c.near() {
		if repo, err := c.repository(ctx); err == nil {
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

// near tells whether the images are pushed to a registry on this machine.
func (c *Checker) near() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pushed.Repository != nil && address.IsLoopback(reference.Domain(c.pushed.Repository))
}

// repository is where the images are, if they are pushed.
func (c *Checker) repository(ctx context.Context) (content.Fetcher, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.repo != nil || c.pushed.Repository == nil {
		return c.repo, nil
	}
	ref, err := reference.WithDigest(c.pushed.Repository, c.pushed.Descriptor.Digest)
	if err != nil {
		return nil, err
	}
	_, source, err := c.env.Registry.Source(ctx, ref)
	if err == nil {
		c.repo = source
	}
	return c.repo, err
}
