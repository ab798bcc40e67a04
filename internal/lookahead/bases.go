package lookahead

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Base is an image that the build starts or copies from, at a line of its Dockerfile.
type Base struct {
	Name   string // the familiar name
	Digest digest.Digest
	File   string
	Line   int
	// Available are the platforms of the image, as far as they are known. Single reports that it is an image of one platform, and no index.
	Available []platform.Platform
	Single    bool
	// For has the verdict for each platform that takes the image, in canonical order.
	For []BaseVerdict
}

// BaseVerdict is whether a platform gets the right image from a base image.
type BaseVerdict struct {
	Platform platform.Platform
	// Fetched is the platform that the image is fetched for: another one than Platform in a stage FROM --platform.
	Fetched platform.Platform
	// Verdict is "ok", "missing" (the image is missing the platform) or "mismatch" (its configuration is of another platform: Config).
	Verdict string
	Config  platform.Platform
}

// verdicts returns the verdicts for the image's targets.
func verdicts(b baseimage.Base) (verdicts []BaseVerdict) {
	for _, t := range b.Targets {
		verdict := BaseVerdict{Platform: t.Platform, Fetched: b.Platform, Verdict: "ok", Config: b.Config}
		if b.Mismatches() {
			verdict.Verdict = "mismatch"
		}
		verdicts = append(verdicts, verdict)
	}
	return verdicts
}

// plannedBases returns the matrix of base images and platforms.
func plannedBases(ctx context.Context, p solve.Prospect) []Base {
	var planned []Base
	var asking sync.WaitGroup
	found := map[int]*baseimage.ImagePlatforms{}
	row := func(name, file string, line int, find func(context.Context, baseimage.At) baseimage.ImagePlatforms) int {
		name = baseimage.Familiar(name)
		i := slices.IndexFunc(planned, func(b Base) bool { return b.Name == name && b.File == file && b.Line == line })
		if i >= 0 {
			return i
		}
		planned = append(planned, Base{Name: name, File: file, Line: line})
		i = len(planned) - 1
		o := new(baseimage.ImagePlatforms)
		found[i] = o
		asking.Go(func() { *o = find(ctx, p.At) })
		return i
	}
	for _, b := range p.Bases {
		for _, at := range b.Places {
			n := row(b.Name, at.File, at.Line, b.ImagePlatforms)
			planned[n].For = append(planned[n].For, verdicts(b)...)
		}
	}
	for _, l := range p.MissingPlatforms {
		n := row(l.Name, l.File, l.Line, l.ImagePlatforms)
		for _, lacking := range l.Platforms() {
			planned[n].For = append(planned[n].For, BaseVerdict{Platform: lacking, Fetched: lacking, Verdict: "missing"})
		}
	}
	asking.Wait()
	for i, b := range planned {
		planned[i].Digest, planned[i].Available, planned[i].Single = found[i].Digest, found[i].Platforms, found[i].Single
		slices.SortFunc(b.For, func(a, b BaseVerdict) int { return platform.Compare(a.Platform, b.Platform) })
	}
	slices.SortStableFunc(planned, func(a, b Base) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return planned
}
