package build

import (
	"cmp"
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

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

const (
	// maxAsked is how much of a base image's file is read.
	maxAsked = 64 << 10
	// maxWalked is how many entries are looked at to find out that there is no file among them.
	maxWalked = 2000
)

// inspector looks at base images, through the builder: what recipes must know of them before a stage is moved. It is one for a build, so
// that what several platforms ask for is looked at once.
type inspector struct {
	native platform.Platform
	mu     sync.Mutex
	images map[string]*pictured // by reference and platform
}

func newInspector(native platform.Platform) *inspector {
	return &inspector{native: native, images: map[string]*pictured{}}
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
	configs, err := forBoth(both, func(p *pictured) (ocispecs.ImageConfig, error) { return p.config(ctx) })
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
	pinned := ref.Name + "@" + ref.Digest.String()
	key := pinned + " " + platform.Format(p)
	img, ok := in.images[key]
	if !ok {
		img = &pictured{gw: gw, ref: pinned, platform: p, asked: map[string]func() (recipe.File, error){}}
		img.config = onceIn(img.resolve)
		img.files = onceIn(img.open)
		in.images[key] = img
	}
	return img
}

// pictured is an image for a platform: its configuration and files, each asked for once.
type pictured struct {
	gw       gateway.Client
	ref      string // with a digest
	platform platform.Platform
	config   func(context.Context) (ocispecs.ImageConfig, error)
	files    func(context.Context) (files, error)
	mu       sync.Mutex
	asked    map[string]func() (recipe.File, error)
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
	_, _, config, err := p.gw.ResolveImageConfig(ctx, p.ref, sourceresolver.Opt{
		LogName: quietVertex, ImageOpt: &sourceresolver.ResolveImageOpt{Platform: &p.platform},
	})
	if err != nil && strings.Contains(err.Error(), "no match for platform in manifest") {
		return ocispecs.ImageConfig{}, fmt.Errorf("has no image for %s", platform.Format(p.platform))
	}
	var img ocispecs.Image
	if err == nil {
		err = json.Unmarshal(config, &img)
	}
	if err != nil {
		return ocispecs.ImageConfig{}, fmt.Errorf("cannot be looked at for %s: %w", platform.Format(p.platform), err)
	}
	if img.OS != p.platform.OS || img.Architecture != p.platform.Architecture { // a single image is given for any platform
		return ocispecs.ImageConfig{}, fmt.Errorf("has no image for %s", platform.Format(p.platform))
	}
	return img.Config, nil
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
	if err != nil || ref == nil {
		return files{}, fmt.Errorf("has no files: %w", err)
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
	return img, nil
}

func unique(names []string) []string {
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// once is the answer to a question, which is asked once.
func (p *pictured) once(ctx context.Context, question string, ask func(files) (recipe.File, error)) func() (recipe.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer, ok := p.asked[question]
	if !ok {
		answer = sync.OnceValues(func() (recipe.File, error) {
			f, err := p.files(ctx)
			if err != nil {
				return recipe.File{}, err
			}
			return ask(f)
		})
		p.asked[question] = answer
	}
	return answer
}

// content is a file's. What is too long or no regular file exists and has none.
func (f files) content(ctx context.Context, name string) (recipe.File, error) {
	e, ok, err := f.stat(ctx, name)
	if err != nil || !ok || !e.mode.IsRegular() || e.size > maxAsked {
		return recipe.File{Exists: ok}, err
	}
	data, err := f.ref.ReadFile(ctx, gateway.ReadRequest{Filename: name})
	return recipe.File{Exists: true, Data: data}, err
}

// holds tells whether a path, which may have wildcards of COPY, leads to anything but empty directories. It does if there is more than can
// be looked at.
func (f files) holds(ctx context.Context, name string) (recipe.File, error) {
	found, more, err := f.match(ctx, name, maxWalked)
	if err != nil || more {
		return recipe.File{Exists: more, Holds: more}, err
	}
	if len(found) == 0 {
		link, err := f.dangles(ctx, name)
		return recipe.File{Holds: link}, err
	}
	file := recipe.File{Exists: len(found) > 0}
	left := maxWalked
	for _, e := range found {
		if file.Holds = file.Holds || !e.mode.IsDir(); file.Holds {
			break
		}
		err := f.walk(ctx, e.path, 0, func(e dirEntry) bool {
			left--
			file.Holds = left <= 0 || !e.mode.IsDir()
			return !file.Holds
		})
		if err != nil {
			return recipe.File{}, err
		}
	}
	return file, nil
}
