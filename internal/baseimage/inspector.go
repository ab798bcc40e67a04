// Package baseimage knows what base images are: their configurations and files, seen through BuildKit and remembered by digest. It knows
// nothing of the build that asks.
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

// QuietVertex is the name, in BuildKit's progress, of questions that are no step of the build. Such vertices are not shown.
const QuietVertex = "[internal] docker multiarch preflight"

// Familiar is an image's name as people write it.
func Familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}

// Inspector looks at base images through BuildKit. A build has one for each node, so that what several platforms ask for is looked at once.
type Inspector struct {
	native platform.Platform
	cache  cache
	mu     sync.Mutex
	images map[string]*image // by [cacheName]
}

// NewInspector returns one that remembers in the folder what it has seen; "" remembers nothing.
func NewInspector(native platform.Platform, folder string) *Inspector {
	return &Inspector{native: native, cache: newCache(folder), images: map[string]*image{}}
}

// Base looks at an image for both platforms: the node's own and ref's. ask says, from the configuration for ref's platform, which files
// are to be read, and for which paths it is enough to know whether something is there. That an image cannot be looked at is said in the
// result, and is no error of the build. Base may be called for several platforms at the same time; gw must live as long as the last call.
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

// forBoth asks both at the same time. The error is the first's, if it has one.
func forBoth[T any](both []*image, ask func(*image) (T, error)) ([]T, error) {
	values, errs := make([]T, len(both)), make([]error, len(both))
	var asking sync.WaitGroup
	for i, p := range both {
		asking.Go(func() { values[i], errs[i] = ask(p) })
	}
	asking.Wait()
	return values, cmp.Or(errs...)
}

// image is what is known of an image for a platform, by all who ask.
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
