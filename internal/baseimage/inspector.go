// Package baseimage examines base images through BuildKit: their configurations and files. It caches the facts by digest. It does not
// depend on the build that asks.
package baseimage

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/distribution/reference"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// QuietVertex is the name, in BuildKit's progress, of questions that are not steps of the build. Such vertices are not shown.
const QuietVertex = "[internal] docker multiarch preflight"

// Familiar returns an image's familiar name.
func Familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}

// Inspector examines base images through BuildKit. A build has one for each node, so that an image that several platforms ask for is
// examined once.
type Inspector struct {
	native platform.Platform
	cache  cache
	mu     sync.Mutex
	images map[string]*image // by [cacheName]
}

// NewInspector returns an Inspector that caches facts in the folder; "" caches nothing.
func NewInspector(native platform.Platform, folder string) *Inspector {
	return &Inspector{native: native, cache: newCache(folder), images: map[string]*image{}}
}

// Base examines an image for two platforms: the node's own and ref's. ask returns, from the configuration for ref's platform, the files to
// read, and the paths for which only the existence matters. A failure to examine an image is part of the result, and no error of the build.
// Base may be called for several platforms at the same time; gw must live as long as the last call.
func (in *Inspector) Base(
	ctx context.Context, gw gateway.Client, ref graph.ImageRef, ask func(target ocispecs.ImageConfig) (read, exist []string),
) recipe.Base {
	not := func(err error) recipe.Base { return recipe.Base{Reason: Familiar(ref.Name) + " " + err.Error()} }
	if ref.Digest == "" {
		return not(errors.New("has no digest"))
	}
	both := []*image{in.image(gw, ref, in.native), in.image(gw, ref, ref.Platform)}
	configs, err := forBoth(both, func(p *image) (ocispecs.ImageConfig, error) {
		defer p.remember()
		return p.config(ctx)
	})
	if err != nil {
		return not(err)
	}
	read, exist := ask(configs[1])
	images, err := forBoth(both, func(p *image) (*recipe.Image, error) { return p.view(ctx, read, exist) })
	if err != nil {
		return not(err)
	}
	return recipe.Base{Native: images[0], Target: images[1]}
}

// forBoth asks both at the same time. If both fail it returns the first one's error.
func forBoth[T any](both []*image, ask func(*image) (T, error)) ([]T, error) {
	values, errs := make([]T, len(both)), make([]error, len(both))
	var asking sync.WaitGroup
	for i, p := range both {
		asking.Go(func() { values[i], errs[i] = ask(p) })
	}
	asking.Wait()
	return values, cmp.Or(errs...)
}

// image returns the facts about an image for a platform, which all callers share.
func (in *Inspector) image(gw gateway.Client, ref graph.ImageRef, p platform.Platform) *image {
	in.mu.Lock()
	defer in.mu.Unlock()
	name := cacheName(ref.Digest, p)
	img, ok := in.images[name]
	if !ok {
		img = newImage(gw, ref.Name+"@"+ref.Digest.String(), p)
		img.known, img.resolved = in.cache.get(name)
		img.keep = func(s facts) { in.cache.put(name, s) }
		in.images[name] = img
	}
	return img
}
