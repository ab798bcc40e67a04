package baseimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/internal/stepfiles"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// image is an image for a platform: its configuration and files, each requested once, unless the cache has them.
type image struct {
	gw       gateway.Client
	ref      string // with a digest
	platform platform.Platform
	config   func(context.Context) (ocispecs.ImageConfig, error)
	files    func(context.Context) (stepfiles.Files, error)
	keep     func(facts)

	mu       sync.Mutex
	asked    map[string]func() (recipe.File, error)
	known    facts
	resolved bool // known has the configuration
	news     bool // known has facts that are not in the cache yet
}

func newImage(gw gateway.Client, ref string, p platform.Platform) *image {
	img := &image{gw: gw, ref: ref, platform: p, asked: map[string]func() (recipe.File, error){}}
	img.config, img.files = onceIn(img.resolve), onceIn(img.open)
	return img
}

// onceIn is [sync.OnceValues] for a function with a context: it gets the context of the first call.
func onceIn[T any](get func(context.Context) (T, error)) func(context.Context) (T, error) {
	var once sync.Once
	var value T
	var err error
	return func(ctx context.Context) (T, error) {
		once.Do(func() { value, err = get(ctx) })
		return value, err
	}
}

// resolve requests the configuration. Its errors continue the image's name.
func (i *image) resolve(ctx context.Context) (ocispecs.ImageConfig, error) {
	i.mu.Lock()
	known, resolved := i.known, i.resolved
	i.mu.Unlock()
	if !resolved {
		var err error
		if known, err = i.ask(ctx); err != nil {
			return ocispecs.ImageConfig{}, fmt.Errorf("cannot be read for %s: %w", platform.Format(i.platform), err)
		}
		i.learn(func(s *facts) { s.Lacks, s.Config = known.Lacks, known.Config })
	}
	if known.Lacks {
		return ocispecs.ImageConfig{}, fmt.Errorf("has no image for %s", platform.Format(i.platform))
	}
	return known.Config, nil
}

func (i *image) ask(ctx context.Context) (facts, error) {
	_, _, config, err := i.gw.ResolveImageConfig(ctx, i.ref, sourceresolver.Opt{
		LogName: QuietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &i.platform},
	})
	if err != nil && buildkitmsg.IsMissingPlatform(err) {
		return facts{Lacks: true}, nil
	}
	var img ocispecs.Image
	if err == nil {
		err = json.Unmarshal(config, &img)
	}
	// BuildKit returns a single-platform image for any platform.
	return facts{Lacks: img.OS != i.platform.OS || img.Architecture != i.platform.Architecture, Config: img.Config}, err
}

// open fetches the image. The fetch is not a step of the build: BuildKit makes another step of it, with the same content, since the digest is
// resolved in another way.
func (i *image) open(ctx context.Context) (stepfiles.Files, error) {
	name, _, _ := strings.Cut(i.ref, "@")
	state := llb.Image(i.ref, llb.Platform(i.platform), llb.ResolveModePreferLocal,
		llb.WithCustomNamef("inspecting %s for %s", Familiar(name), platform.Format(i.platform)))
	def, err := state.Marshal(ctx)
	if err != nil {
		return stepfiles.Files{}, err
	}
	f, ok, err := stepfiles.Solve(ctx, i.gw, def)
	switch {
	case err != nil:
		return stepfiles.Files{}, err
	case !ok:
		return stepfiles.Files{}, errors.New("it has no files")
	}
	return f, f.Open(ctx)
}

// view reads files, and finds out whether others exist. Its errors continue the image's name.
func (i *image) view(ctx context.Context, read, exist []string) (*recipe.Image, error) {
	config, err := i.config(ctx)
	if err != nil {
		return nil, err
	}
	img := &recipe.Image{Config: config, Files: map[string]recipe.File{}}
	var mu sync.Mutex
	var looking errgroup.Group // without a context of its own: other callers get these answers, too
	looking.SetLimit(stepfiles.AtOnce)
	get := func(name string, file func() (recipe.File, error)) {
		looking.Go(func() error {
			f, err := file()
			mu.Lock()
			defer mu.Unlock()
			have := img.Files[name]
			img.Files[name] = recipe.File{
				Exists: have.Exists || f.Exists, Holds: have.Holds || f.Holds, Data: slices.Concat(have.Data, f.Data),
			}
			return err
		})
	}
	for _, name := range read {
		get(name, i.once(ctx, "read "+name, func(f stepfiles.Files) (recipe.File, error) { return content(ctx, f, name) }))
	}
	for _, name := range exist {
		get(name, i.once(ctx, "exists "+name, func(f stepfiles.Files) (recipe.File, error) { return holds(ctx, f, name) }))
	}
	if err := looking.Wait(); err != nil {
		return nil, fmt.Errorf("cannot be read for %s: %w", platform.Format(i.platform), err)
	}
	i.remember()
	return img, nil
}

// once returns a function with the answer to a question, which is asked once.
func (i *image) once(ctx context.Context, question string, ask func(stepfiles.Files) (recipe.File, error)) func() (recipe.File, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	answer, ok := i.asked[question]
	if !ok {
		known, ok := i.known.Files[question]
		answer = sync.OnceValues(func() (recipe.File, error) {
			if ok {
				return known, nil
			}
			f, err := i.files(ctx)
			if err != nil {
				return recipe.File{}, err
			}
			file, err := ask(f)
			if err == nil {
				i.learn(func(s *facts) { s.Files[question] = file })
			}
			return file, err
		})
		i.asked[question] = answer
	}
	return answer
}

// learn changes the known facts.
func (i *image) learn(change func(*facts)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known.Files == nil {
		i.known.Files = map[string]recipe.File{}
	}
	change(&i.known)
	i.news = true
}

// remember writes the known facts to the cache, if there are new ones.
func (i *image) remember() {
	i.mu.Lock()
	news, known := i.news, i.known
	known.Files = maps.Clone(known.Files)
	i.news = false
	i.mu.Unlock()
	if news {
		i.keep(known)
	}
}
