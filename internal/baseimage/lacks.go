package baseimage

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// lacked are the words of the frontend for an image that has nothing for a platform: those of containerd behind its own
// (util/imageutil/config.go, client/llb/sourceresolver).
var lacked = regexp.MustCompile(`failed to resolve source metadata for (\S+): no match for platform in manifest`)

// Lack is a base image that has nothing for platforms of a build.
type Lack struct {
	Name, File string
	Line       int
	Targets    []Target
	Digest     digest.Digest // "" if no platform found it
	pinned     string        // what the line says that its stage is for; "" if nothing
}

// ofStage finds the platform that a stage says itself.
var ofStage = regexp.MustCompile(`(?i)^\s*FROM\s+--platform=(\S+)`)

// pinnedAt is what a line of a Dockerfile says behind --platform=; "" if nothing.
func pinnedAt(dockerfile []byte, line int) string {
	lines := strings.Split(string(dockerfile), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	if m := ofStage.FindStringSubmatch(lines[line-1]); m != nil {
		return m[1]
	}
	return ""
}

// Platforms are those of the build that the image has nothing for.
func (l Lack) Platforms() (ps []platform.Platform) {
	for _, t := range l.Targets {
		ps = append(ps, t.Platform)
	}
	return ps
}

// Wanted is what the image is to have: the platforms of the build, unless the stage says another one. native is the node's own.
func (l Lack) Wanted(native platform.Platform) []platform.Platform {
	if strings.Trim(l.pinned, `${}"`) == "BUILDPLATFORM" {
		return []platform.Platform{native}
	}
	if ps, _, err := platform.Parse(l.pinned); l.pinned != "" && err == nil {
		return ps
	}
	return l.Platforms()
}

// Lacks reports whether a frontend failed because an image has nothing for its platform.
func Lacks(err error) bool {
	_, ok := lackOf(err)
	return ok
}

// lackOf reads it from the error of a frontend.
func lackOf(err error) (l Lack, ok bool) {
	if err == nil {
		return Lack{}, false
	}
	m := lacked.FindStringSubmatch(err.Error())
	if m == nil {
		return Lack{}, false
	}
	l = Lack{Name: m[1]}
	for _, src := range errdefs.Sources(err) {
		if len(src.GetRanges()) > 0 {
			l.File, l.Line = src.GetInfo().GetFilename(), int(src.GetRanges()[0].GetStart().GetLine())
			l.pinned = pinnedAt(src.GetInfo().GetData(), l.Line)
		}
	}
	return l, true
}

// Lacking are the base images that have nothing for platforms which could not be read for that reason. errs are the frontends' errors, by
// the index of targets. A frontend says which image it met first; of the others the other platforms' graphs know, from which all are.
func Lacking(ctx context.Context, targets []platform.Platform, errs []error, all []Base, at At) []Lack {
	var found lacking
	for i, err := range errs {
		l, ok := lackOf(err)
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
			if b.Name != l.Name && b.follows() && at(i).Offer(ctx, b.Name, b.Digest).without(targets[i]) {
				found.add(Lack{Name: b.Name, File: b.File, Line: b.Line, Digest: b.Digest}, target)
			}
		}
	}
	return found
}

// lacking has each image of a Dockerfile once.
type lacking []Lack

func (all *lacking) add(l Lack, t Target) {
	i := slices.IndexFunc(*all, func(f Lack) bool { return f.Name == l.Name && f.File == l.File })
	if i < 0 {
		i, *all = len(*all), append(*all, l)
	}
	have := &(*all)[i]
	have.Line = min(have.Line, l.Line) // a frontend says any of them
	if !platform.Contains(have.Platforms(), t.Platform) {
		have.Targets = append(have.Targets, t)
	}
}

// Offer is what the image has instead.
func (l Lack) Offer(ctx context.Context, at At) Offer {
	return at(l.Targets[0].Index).Offer(ctx, l.Name, l.Digest)
}
