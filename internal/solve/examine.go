package solve

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
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// examiner judges the executables of the finished images. Each layer is read once for all platforms: from the builder, where it is
// already; else from the registry, which has what the builder did not need to fetch. A registry on this machine is asked first for what is
// large, since it sends files faster than the builder its messages.
type examiner struct {
	opt    *gate.Options
	env    Env
	lister *layers.Lister

	mu     sync.Mutex
	pushed manifest.Image // one that the registry has; zero if nothing is pushed
	repo   content.Fetcher
}

func newExaminer(req Request, env Env) *examiner {
	e := &examiner{opt: req.Verify, env: env}
	e.lister = &layers.Lister{Fetch: e.fetch, Cache: env.Listings}
	if env.Node.Blobs != nil {
		e.lister.Near = env.Node.Blobs.Fetch
	}
	return e
}

// examined is what an image was found to be.
type examined struct {
	gate.Result
	image gate.Image // zero if it was not looked at
}

// examine judges a platform's image. One that must not be published is a [gate.RefusedError].
func (e *examiner) examine(ctx context.Context, j job, got reading, c index.Child) (found examined, err error) {
	if e.opt == nil || !j.req.MakesImages() {
		return examined{Result: gate.Result{Verdict: gate.NotAsked}}, nil
	}
	if c.Image.Repository != nil {
		e.mu.Lock()
		e.pushed = c.Image
		e.mu.Unlock()
	}
	err = e.env.during("examining the executables for "+platform.Format(j.target), func() error {
		config, err := e.config(ctx, c)
		if err != nil {
			return err
		}
		found.image = gate.Image{
			Platform: j.target, Config: config, Layers: gateLayers(c.Image.Layers, config, got.base, got.graph), Base: got.base.Platform,
		}
		found.Result, err = gate.Examine(ctx, found.image, e.lister, *e.opt)
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

// idle are the user's patterns that match nothing of any image that was looked at.
func idle(results []solved) []string {
	var looked []gate.Result
	for _, r := range results {
		if r.examined.image.Layers != nil {
			looked = append(looked, r.examined.Result)
		}
	}
	return gate.Unmatched(looked)
}

// compare notes which platforms were given the same files.
func compare(results []solved) {
	var images []gate.Image
	for _, r := range results {
		if r.err == nil && r.examined.image.Layers != nil {
			images = append(images, r.examined.image)
		}
	}
	for _, f := range gate.SameLayers(images) {
		for i := range results {
			if platform.Format(results[i].examined.image.Platform) == f.Platform {
				results[i].examined.Findings = append(results[i].examined.Findings, f)
			}
		}
	}
}

// config reads the configuration of an image.
func (e *examiner) config(ctx context.Context, c index.Child) (config ocispecs.Image, err error) {
	c.Layers = content.FetcherFunc(e.fetch)
	body, err := content.FetchAll(ctx, c, c.Image.Config)
	if err == nil {
		err = json.Unmarshal(body, &config)
	}
	return config, err
}

// large is from how many bytes on it matters how fast a blob is read.
const large = 1 << 20

// fetch opens a blob of a finished image.
func (e *examiner) fetch(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
	if desc.Size >= large && e.near() {
		if repo, err := e.repository(ctx); err == nil {
			if r, err := repo.Fetch(ctx, desc); err == nil {
				return r, nil
			}
		}
	}
	r, err := e.env.Node.Blobs.Fetch(ctx, desc)
	if err == nil || !errdefs.IsNotFound(err) {
		return r, err
	}
	repo, rerr := e.repository(ctx)
	if repo == nil {
		return nil, errors.Join(err, rerr)
	}
	return repo.Fetch(ctx, desc)
}

// near tells whether the images are pushed to a registry on this machine.
func (e *examiner) near() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pushed.Repository != nil && address.IsLoopback(reference.Domain(e.pushed.Repository))
}

// repository is where the images are, if they are pushed.
func (e *examiner) repository(ctx context.Context) (content.Fetcher, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.repo != nil || e.pushed.Repository == nil {
		return e.repo, nil
	}
	ref, err := reference.WithDigest(e.pushed.Repository, e.pushed.Descriptor.Digest)
	if err != nil {
		return nil, err
	}
	_, source, err := e.env.Registry.Source(ctx, ref)
	if err == nil {
		e.repo = source
	}
	return e.repo, err
}
