package buildcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/engine"
	"github.com/docker-multiarch/docker-multiarch/internal/inuse"
	"github.com/docker-multiarch/docker-multiarch/internal/localbase"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// takeLocalBases provides the images of --local-base to the build. It saves each image from the engine into a folder of its own, which
// becomes the named context of the image's name. release removes the folders; it is never nil.
func (j *job) takeLocalBases(ctx context.Context, w *cli.Env, note func(string)) (release func(), err error) {
	release = func() {}
	if len(j.localBases) == 0 {
		return release, nil
	}
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return release, err
	}
	for _, name := range j.localBases { // checks all images before any is sent
		if err := j.checkLocalBase(ctx, eng, name); err != nil {
			return release, err
		}
	}
	root, release, err := inuse.TempDir()
	if err != nil {
		return release, err
	}
	for _, name := range j.localBases {
		note("saving " + name + " from the engine's image store")
		base, err := saveLocalBase(ctx, eng, name, root)
		if err == nil {
			err = j.checkPlatforms(name, base.Platforms)
		}
		if err == nil {
			err = j.request.Source.AddLayout(name, base.Dir, base.Root.Digest)
		}
		if err != nil {
			return release, err
		}
	}
	return release, nil
}

func saveLocalBase(ctx context.Context, eng *engine.Engine, name, root string) (localbase.Base, error) {
	stream, err := eng.Save(ctx, name)
	if err != nil {
		return localbase.Base{}, err
	}
	defer stream.Close()
	dir, err := os.MkdirTemp(root, "")
	if err != nil {
		return localbase.Base{}, err
	}
	base, err := localbase.Read(stream, dir)
	if err != nil {
		return base, fmt.Errorf("--local-base %s: %w", name, err)
	}
	return base, nil
}

func (j *job) checkLocalBase(ctx context.Context, eng *engine.Engine, name string) error {
	if j.request.Source.HasContext(name) {
		return &cli.Usage{Err: fmt.Errorf("--local-base %s: --build-context %s gives another source for it", name, name)}
	}
	found, err := eng.ImagePlatforms(ctx, name)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return &cli.Usage{
			Err:  fmt.Errorf("--local-base %s: the engine has no image of that name", name),
			Hint: "docker images lists the engine's images; an image in a registry needs no --local-base",
		}
	}
	return j.checkPlatforms(name, found)
}

// checkPlatforms refuses an image that lacks a platform that is built on it.
func (j *job) checkPlatforms(name string, has []ocispecs.Platform) error {
	if j.request.Source.OnlyForBuilding(name) {
		return nil
	}
	var missing []platform.Platform
	for _, p := range j.request.Platforms {
		if !slices.ContainsFunc(has, func(h ocispecs.Platform) bool { return compatible(h, p) }) {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &cli.Usage{
		Err: fmt.Errorf("--local-base %s: the engine has this image for %s only, not for %s", name,
			strings.Join(platform.FormatAll(has), ", "), strings.Join(platform.FormatAll(missing), ", ")),
		Hint: "use --platform " + strings.Join(platform.FormatAll(has), ",") + ", or build the base image for all platforms and push it to a registry",
	}
}

// compatible reports whether an image for has can be used for want. As in BuildKit, an older variant can.
func compatible(has, want platform.Platform) bool {
	has, want = platform.Normalize(has), platform.Normalize(want)
	return has.OS == want.OS && has.Architecture == want.Architecture && (has.Variant == "" || want.Variant == "" || has.Variant <= want.Variant)
}

// parseLocalBases returns the names in the form in which the frontend looks them up, without duplicates.
func parseLocalBases(names []string) ([]string, error) {
	var bases []string
	for _, name := range names {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return nil, fmt.Errorf("--local-base %q: %w", name, err)
		}
		if _, ok := named.(reference.Digested); ok {
			return nil, fmt.Errorf("--local-base %q: use the name in the Dockerfile, without a digest", name)
		}
		base := strings.TrimSuffix(reference.FamiliarString(reference.TagNameOnly(named)), ":latest")
		if !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases, nil
}

// localBaseHint adds a hint to err if the base images that were not found are in the engine's own store. The text of err does not change.
func localBaseHint(ctx context.Context, w *cli.Env, err error) error {
	if err == nil || ctx.Err() != nil || buildkitmsg.IsDenied(err) {
		return err
	}
	seen := map[string]bool{}
	var hints []string
	for _, image := range buildkitmsg.UnresolvedImages(err) {
		named, parseErr := reference.ParseNormalizedNamed(image)
		if parseErr != nil || seen[image] {
			continue
		}
		seen[image] = true
		name := strings.TrimSuffix(reference.FamiliarString(named), ":latest")
		eng, engErr := w.ReachableEngine(ctx)
		if engErr != nil {
			return err
		}
		found, findErr := eng.ImagePlatforms(ctx, name)
		if findErr != nil || len(found) == 0 {
			continue
		}
		hints = append(hints, fmt.Sprintf("the engine has %s in its image store, for %s, but a builder does not look there: "+
			"add --local-base %s, or push it to a registry", name, strings.Join(platform.FormatAll(found), ", "), name))
	}
	if _, isHinted := errors.AsType[*cli.Hinted](err); isHinted || len(hints) == 0 {
		return err
	}
	return &cli.Hinted{Err: err, Hint: strings.Join(hints, "\n      ")}
}
