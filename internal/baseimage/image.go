package solve

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

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// pictured is an image for a platform: its configuration and files, each asked for once, unless it is known from before.
type pictured struct {
	gw       gateway.Client
	ref      string // with a digest
	platform platform.Platform
	config   func(context.Context) (ocispecs.ImageConfig, error)
	files    func(context.Context) (files, error)
	keep     func(seen)

	mu       sync.Mutex
	asked    map[string]func() (recipe.File, error)
	known    seen
	resolved bool // known has the configuration
	news     bool // known has what was not kept yet
}

func newPictured(gw gateway.Client, ref string, p platform.Platform) *pictured {
	img := &pictured{gw: gw, ref: ref, platform: p, asked: map[string]func() (recipe.File, error){}}
	img.config, img.files = onceIn(img.resolve), onceIn(img.open)
	return img
}

// onceIn is [sync.OnceValues] for what takes a context: the first one's.
func onceIn[T any](get func(context.Context) (T, error)) func(context.Context) (T, error) {
	var once sync.Once
	var value T
	var err error
	return func(ctx context.Context) (T, error) {
		once.Do(func() { value, err = get(ctx) })
		return value, err
	}
}

// resolve asks for the configuration. Its errors go on from the image's name.
func (p *pictured) resolve(ctx context.Context) (ocispecs.ImageConfig, error) {
	p.mu.Lock()
	known, resolved := p.known, p.resolved
	p.mu.Unlock()
	if !resolved {
		var err error
		if known, err = p.ask(ctx); err != nil {
			return ocispecs.ImageConfig{}, fmt.Errorf("cannot be looked at for %s: %w", platform.Format(p.platform), err)
		}
		p.learn(func(s *seen) { s.Lacks, s.Config = known.Lacks, known.Config })
	}
	if known.Lacks {
		return ocispecs.ImageConfig{}, fmt.Errorf("has no image for %s", platform.Format(p.platform))
	}
	return known.Config, nil
}

func (p *pictured) ask(ctx context.Context) (seen, error) {
	_, _, config, err := p.gw.ResolveImageConfig(ctx, p.ref, sourceresolver.Opt{
		LogName: quietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &p.platform},
	})
	if err != nil && strings.Contains(err.Error(), "no match for platform in manifest") {
		return seen{Lacks: true}, nil
	}
	var img ocispecs.Image
	if err == nil {
		err = json.Unmarshal(config, &img)
	}
	// A single image is given for any platform.
	return seen{Lacks: img.OS != p.platform.OS || img.Architecture != p.platform.Architecture, Config: img.Config}, err
}

// open fetches the image. It is no step of the build: another way to resolve the same digest makes another step of it in BuildKit, with
// the same content.
func (p *pictured) open(ctx context.Context) (files, error) {
	name, _, _ := strings.Cut(p.ref, "@")
	state := llb.Image(p.ref, llb.Platform(p.platform), llb.ResolveModePreferLocal,
		llb.WithCustomNamef("looking at %s for %s", familiar(name), platform.Format(p.platform)))
	def, err := state.Marshal(ctx)
	if err != nil {
		return files{}, err
	}
	res, err := p.gw.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB()})
	if err != nil {
		return files{}, err
	}
	ref, err := res.SingleRef()
	if err != nil {
		return files{}, err
	}
	if ref == nil {
		return files{}, errors.New("it has no files")
	}
	f := files{ref}
	return f, f.open(ctx)
}

// image looks at files. Its errors go on from the image's name.
func (p *pictured) image(ctx context.Context, read, exist []string) (*recipe.Image, error) {
	config, err := p.config(ctx)
	if err != nil {
		return nil, err
	}
	img := &recipe.Image{Config: config, Files: map[string]recipe.File{}}
	var mu sync.Mutex
	var looking errgroup.Group // without a context of its own: others get these answers, too
	looking.SetLimit(atOnce)
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
		get(name, p.once(ctx, "read "+name, func(f files) (recipe.File, error) { return f.content(ctx, name) }))
	}
	for _, name := range exist {
		get(name, p.once(ctx, "exists "+name, func(f files) (recipe.File, error) { return f.holds(ctx, name) }))
	}
	if err := looking.Wait(); err != nil {
		return nil, fmt.Errorf("cannot be looked at for %s: %w", platform.Format(p.platform), err)
	}
	p.remember()
	return img, nil
}

// once is the answer to a question, which is asked once.
func (p *pictured) once(ctx context.Context, question string, ask func(files) (recipe.File, error)) func() (recipe.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer, ok := p.asked[question]
	if !ok {
		known, ok := p.known.Files[question]
		answer = sync.OnceValues(func() (recipe.File, error) {
			if ok {
				return known, nil
			}
			f, err := p.files(ctx)
			if err != nil {
				return recipe.File{}, err
			}
			file, err := ask(f)
			if err == nil {
				p.learn(func(s *seen) { s.Files[question] = file })
			}
			return file, err
		})
		p.asked[question] = answer
	}
	return answer
}

// learn adds to what is known.
func (p *pictured) learn(change func(*seen)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known.Files == nil {
		p.known.Files = map[string]recipe.File{}
	}
	change(&p.known)
	p.news = true
}

// remember keeps what is known, if there is something new.
func (p *pictured) remember() {
	p.mu.Lock()
	news, known := p.news, p.known
	known.Files = maps.Clone(known.Files)
	p.news = false
	p.mu.Unlock()
	if news {
		p.keep(known)
	}
}
