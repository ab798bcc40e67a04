package solve

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// inspector looks at base images, through the builder: what recipes must know of them before a stage is moved. It is one for a build, so
// that what several platforms ask for is looked at once.
type inspector struct {
	native platform.Platform
	kept   keptBases
	mu     sync.Mutex
	images map[string]*pictured // by [keptName]
}

// newInspector makes one that keeps what it sees in the folder; "" keeps nothing.
func newInspector(native platform.Platform, folder string) *inspector {
	return &inspector{native: native, kept: newKeptBases(folder), images: map[string]*pictured{}}
}

// look finds out what is wanted of base images, by their names. That an image cannot be looked at is said in its Base, and is no error of
// the build. It may be called for several platforms at the same time; gw must live as long as the last of the calls.
func (in *inspector) look(ctx context.Context, gw gateway.Client, wants []cross.Want) map[string]recipe.Base {
	bases := make([]recipe.Base, len(wants))
	var looking sync.WaitGroup
	for i, w := range wants {
		ask := func(target ocispecs.ImageConfig) (read, exist []string) {
			for _, r := range w.Recipes {
				files, paths := r.Ask(target, w.Leaves)
				read, exist = append(read, files...), append(exist, paths...)
			}
			return unique(read), unique(exist)
		}
		looking.Go(func() { bases[i] = in.base(ctx, gw, w.Image, ask) })
	}
	looking.Wait()
	found := make(map[string]recipe.Base, len(wants))
	for i, w := range wants {
		found[w.Image.Name] = bases[i]
	}
	return found
}

// base looks at an image for both platforms. ask tells from its configuration for the target which files are to be read, and of which
// paths it is to be told whether something is there.
func (in *inspector) base(
	ctx context.Context, gw gateway.Client, ref graph.ImageRef, ask func(target ocispecs.ImageConfig) (read, exist []string),
) recipe.Base {
	not := func(err error) recipe.Base { return recipe.Base{Reason: familiar(ref.Name) + " " + err.Error()} }
	if ref.Digest == "" {
		return not(errors.New("has no digest"))
	}
	both := []*pictured{in.image(gw, ref, in.native), in.image(gw, ref, ref.Platform)}
	configs, err := forBoth(both, func(p *pictured) (ocispecs.ImageConfig, error) {
		defer p.remember()
		return p.config(ctx)
	})
	if err != nil {
		return not(err)
	}
	read, exist := ask(configs[1])
	images, err := forBoth(both, func(p *pictured) (*recipe.Image, error) { return p.image(ctx, read, exist) })
	if err != nil {
		return not(err)
	}
	return recipe.Base{Native: images[0], Target: images[1]}
}

// forBoth asks both at the same time. The error is the first's, if it has one.
func forBoth[T any](both []*pictured, ask func(*pictured) (T, error)) ([]T, error) {
	values, errs := make([]T, len(both)), make([]error, len(both))
	var asking sync.WaitGroup
	for i, p := range both {
		asking.Go(func() { values[i], errs[i] = ask(p) })
	}
	asking.Wait()
	return values, cmp.Or(errs...)
}

// image is what is known of an image for a platform, by all who ask.
func (in *inspector) image(gw gateway.Client, ref graph.ImageRef, p platform.Platform) *pictured {
	in.mu.Lock()
	defer in.mu.Unlock()
	name := keptName(ref.Digest, p)
	img, ok := in.images[name]
	if !ok {
		img = newPictured(gw, ref.Name+"@"+ref.Digest.String(), p)
		img.known, img.resolved = in.kept.get(name)
		img.keep = func(s seen) { in.kept.put(name, s) }
		in.images[name] = img
	}
	return img
}

func unique(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
