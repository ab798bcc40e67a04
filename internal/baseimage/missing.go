package baseimage

import (
	"context"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/lazyregexp"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// MissingPlatform is a base image that is missing platforms of a build.
type MissingPlatform struct {
	Name, File string
	Line       int
	Targets    []Target
	Digest     digest.Digest // "" if no platform found it
	pinned     string        // the platform that the line gives its stage; "" if none
}

// ofStage finds the platform of a stage in its FROM line.
var ofStage = lazyregexp.New(`(?i)^\s*FROM\s+--platform=(\S+)`)

// pinnedAt returns the value of --platform= in a line of a Dockerfile; "" if there is none.
func pinnedAt(dockerfile []byte, line int) string {
	lines := strings.Split(string(dockerfile), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	if m := ofStage().FindStringSubmatch(lines[line-1]); m != nil {
		return m[1]
	}
	return ""
}

// Platforms returns the platforms of the build that the image is missing.
func (l MissingPlatform) Platforms() (ps []platform.Platform) {
	for _, t := range l.Targets {
		ps = append(ps, t.Platform)
	}
	return ps
}

// Wanted returns the platforms that the image must have: those of the build, unless the stage names another one. native is the node's own.
func (l MissingPlatform) Wanted(native platform.Platform) []platform.Platform {
	if strings.Trim(l.pinned, `${}"`) == "BUILDPLATFORM" {
		return []platform.Platform{native}
	}
	if ps, _, err := platform.Parse(l.pinned); l.pinned != "" && err == nil {
		return ps
	}
	return l.Platforms()
}

// IsMissingPlatform reports whether a frontend failed because an image is missing its platform.
func IsMissingPlatform(err error) bool {
	_, ok := missingPlatformOf(err)
	return ok
}

// missingPlatformOf reads the image from the error of a frontend.
func missingPlatformOf(err error) (l MissingPlatform, ok bool) {
	if err == nil {
		return MissingPlatform{}, false
	}
	name, ok := buildkitmsg.MissingPlatformImage(err)
	if !ok {
		return MissingPlatform{}, false
	}
	l = MissingPlatform{Name: name}
	for _, src := range errdefs.Sources(err) {
		if len(src.GetRanges()) > 0 {
			l.File, l.Line = src.GetInfo().GetFilename(), int(src.GetRanges()[0].GetStart().GetLine())
			l.pinned = pinnedAt(src.GetInfo().GetData(), l.Line)
		}
	}
	return l, true
}

// MissingPlatforms returns the base images that are missing platforms, for the platforms that could not be read for that reason. errs are the
// frontends' errors, by the index of targets. A frontend reports only the first such image; the other ones are found in the graphs of the
// other platforms, which are in all.
func MissingPlatforms(ctx context.Context, targets []platform.Platform, errs []error, all []Base, at At) []MissingPlatform {
	var found missingPlatforms
	for i, err := range errs {
		l, ok := missingPlatformOf(err)
		if !ok {
			continue
		}
		for _, b := range all {
			if b.Name == l.Name {
				l.Digest = b.Digest
			}
		}
		target := Target{Index: i, Platform: targets[i]}
		found.add(l, target)
		for _, b := range all {
			if b.Name != l.Name && b.usesTargetPlatform() && at(i).ImagePlatforms(ctx, b.Name, b.Digest).isMissing(targets[i]) {
				found.add(MissingPlatform{Name: b.Name, File: b.File, Line: b.Line, Digest: b.Digest}, target)
			}
		}
	}
	return found
}

// missingPlatforms has each image of a Dockerfile once.
type missingPlatforms []MissingPlatform

func (all *missingPlatforms) add(l MissingPlatform, t Target) {
	i := slices.IndexFunc(*all, func(f MissingPlatform) bool { return f.Name == l.Name && f.File == l.File })
	if i < 0 {
		i, *all = len(*all), append(*all, l)
	}
	have := &(*all)[i]
	have.Line = min(have.Line, l.Line) // a frontend reports any of the lines
	if !platform.Contains(have.Platforms(), t.Platform) {
		have.Targets = append(have.Targets, t)
	}
}

// ImagePlatforms returns the platforms that the image has.
func (l MissingPlatform) ImagePlatforms(ctx context.Context, at At) ImagePlatforms {
	return at(l.Targets[0].Index).ImagePlatforms(ctx, l.Name, l.Digest)
}
