package runcmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/smoke"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// runnable is one platform's image that can be run.
type runnable struct {
	platform platform.Platform
	local    string      // a name in the engine; "" if it has to be loaded
	choose   bool        // the engine has several platforms by that name
	image    smoke.Image // the image to load
}

// imageFinder finds the platforms of an image.
type imageFinder struct {
	w   *cli.Env
	eng *engine.Engine
	o   runOptions

	info engine.Info
}

func (f *imageFinder) find(ctx context.Context) (found []runnable, err error) {
	if f.info, err = f.eng.Info(ctx); err != nil {
		return nil, err
	}
	var local []runnable
	var whole bool
	if f.o.pull != pullAlways && !images.IsPath(f.o.image) && !strings.HasPrefix(f.o.image, images.LayoutScheme) {
		if local, whole, err = f.onEngine(ctx); err != nil {
			return nil, err
		}
	}
	if f.o.pull == pullNever || f.complete(local, whole) {
		if len(local) == 0 {
			return nil, &cli.Usage{Err: fmt.Errorf("the engine has no image %q", f.o.image), Hint: "leave out --pull never, and the image is pulled"}
		}
		return f.chosen(local)
	}
	remotePlatforms, err := f.remotePlatforms(ctx)
	if err != nil && len(local) > 0 && f.o.all && ctx.Err() == nil {
		f.w.Say(fmt.Sprintf("running only the platforms that the engine has: %v", err))
		return local, nil
	}
	if err != nil {
		return nil, err
	}
	return f.chosen(remotePlatforms)
}

// onEngine returns the platforms that the engine has under the name. whole reports whether these are all platforms of the image.
func (f *imageFinder) onEngine(ctx context.Context) (local []runnable, whole bool, err error) {
	children, err := f.eng.Children(ctx, f.o.image)
	if err != nil {
		return nil, false, err
	}
	for _, c := range children {
		if c.Available {
			local = append(local, runnable{platform: platform.Normalize(c.Platform), local: f.o.image, choose: c.Digest != ""})
		}
	}
	if len(local) == 1 && !f.info.ContainerdStore {
		siblings, err := f.siblings(ctx)
		return append(local, siblings...), len(siblings) > 0, err
	}
	return local, len(local) == len(children) && len(children) > 0 && children[0].Digest != "", nil
}

// siblings returns the other platforms that --load put into a store with one platform a name: app:1.0-linux-arm64.
func (f *imageFinder) siblings(ctx context.Context) (found []runnable, err error) {
	named, err := reference.ParseDockerRef(f.o.image)
	tagged, ok := named.(reference.NamedTagged)
	if err != nil || !ok {
		return nil, nil //nolint:nilerr // an ID has none
	}
	names, err := f.eng.Names(ctx, reference.FamiliarString(tagged)+"-*")
	for _, name := range names {
		children, err := f.eng.Children(ctx, name)
		if err != nil || len(children) != 1 {
			return nil, err
		}
		p := platform.Normalize(children[0].Platform)
		if suffixed, err := load.Suffixed(tagged, p); err == nil && reference.FamiliarString(suffixed) == name {
			found = append(found, runnable{platform: p, local: name})
		}
	}
	return found, err
}

// complete reports whether the registry need not be asked.
func (f *imageFinder) complete(local []runnable, whole bool) bool {
	if f.o.all {
		return whole
	}
	if len(f.o.requested) == 0 {
		return len(local) > 0 && f.own(local) >= 0
	}
	for _, p := range f.o.requested {
		if position(local, p) < 0 {
			return false
		}
	}
	return true
}

// remotePlatforms returns the platforms of the image in its registry, or in an archive.
func (f *imageFinder) remotePlatforms(ctx context.Context) ([]runnable, error) {
	at, err := images.FindLocation(ctx, f.w, f.o.image)
	if err != nil {
		return nil, err
	}
	t, err := tree.Read(ctx, at.Root, at.Blobs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Name, err)
	}
	var found []runnable
	for _, img := range t.Images {
		one := smoke.Image{
			Platform: platform.Normalize(*img.Descriptor.Platform), Root: img.Descriptor, Config: img.Manifest.Config.Digest,
			Blobs: func(context.Context) (content.Fetcher, error) { return at.Blobs, nil },
		}
		if at.Ref != nil {
			one.Pull, one.Shown = reference.TrimNamed(at.Ref), at.Name
			if one.Auth, err = f.w.Logins().ForPulls(f.w.Say)(ctx, one.Pull.Name()); err != nil {
				return nil, err
			}
		}
		found = append(found, runnable{platform: one.Platform, image: one})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s has no image that can be run", at.Name)
	}
	return found, nil
}

// chosen returns the requested platforms, in the canonical order.
func (f *imageFinder) chosen(all []runnable) ([]runnable, error) {
	if f.o.all {
		slices.SortFunc(all, func(a, b runnable) int { return platform.Compare(a.platform, b.platform) })
		return all, nil
	}
	if len(f.o.requested) == 0 {
		i := f.own(all)
		if i < 0 {
			return nil, f.missingError(load.Machine(f.info), all)
		}
		return all[i : i+1], nil
	}
	var chosen []runnable
	for _, p := range slices.SortedFunc(slices.Values(f.o.requested), platform.Compare) {
		i := position(all, p)
		if i < 0 {
			return nil, f.missingError(p, all)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (f *imageFinder) missingError(p platform.Platform, all []runnable) error {
	return &cli.Usage{
		Err:  fmt.Errorf("%s has no image for %s, only for %s", f.o.image, platform.Format(p), strings.Join(platform.FormatAll(runPlatforms(all)), ", ")),
		Hint: "choose one of them with --platform, or run all with --platform all",
	}
}

func (f *imageFinder) own(all []runnable) int { return load.NativeIndex(f.info, runPlatforms(all)) }

func runPlatforms(all []runnable) []platform.Platform {
	ps := make([]platform.Platform, len(all))
	for i, r := range all {
		ps[i] = r.platform
	}
	return ps
}

func position(all []runnable, p platform.Platform) int {
	return slices.IndexFunc(all, func(r runnable) bool { return platform.Equal(r.platform, p) })
}
