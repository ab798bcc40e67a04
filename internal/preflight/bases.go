package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// BaseError reports a problem with a base image.
type BaseError struct {
	// Name is the image's familiar name.
	Name string
	// Wanted are the platforms that the image is missing, or has with another configuration. Available are the platforms that it has, as far
	// as they are known.
	Wanted, Available []platform.Platform
	// Single reports that the image is not an index, but an image of one platform. BuildKit uses it for whatever platform is asked for.
	Single bool
	// Config is the platform in the configuration of the image that the index has for Wanted; zero if there is no image for Wanted at all.
	Config platform.Platform
	// Chosen reports that the line of the Dockerfile asks for Wanted, by its own --platform.
	Chosen bool
}

func (e *BaseError) Error() string {
	wanted, offered := formatAll(e.Wanted), formatAll(e.Available)
	switch {
	case e.Config.Architecture == "" && offered == "":
		return fmt.Sprintf("base image %q is not available for %s", e.Name, wanted)
	case e.Config.Architecture == "":
		return fmt.Sprintf("base image %q is not available for %s, only for %s", e.Name, wanted, offered)
	case e.Single:
		return fmt.Sprintf("base image %q is a single image for %s, and BuildKit would use it for %s", e.Name, platform.Format(e.Config), wanted)
	}
	return fmt.Sprintf("base image %q: the index says %s, the image's config says %s", e.Name, wanted, platform.Format(e.Config))
}

func formatAll(ps []platform.Platform) string { return strings.Join(platform.FormatAll(ps), ", ") }

// MissingBases returns the findings about base images that are missing platforms of the build.
func MissingBases(ctx context.Context, lacks []baseimage.MissingPlatform, at baseimage.At) []diag.Diagnostic {
	var found []diag.Diagnostic
	for _, l := range lacks {
		ps, wanted := l.Platforms(), l.Wanted(at(l.Targets[0].Index).Native)
		f := Refusal("base-platform", &BaseError{
			Name: baseimage.Familiar(l.Name), Wanted: wanted, Available: l.ImagePlatforms(ctx, at).Platforms,
			Chosen: !slices.EqualFunc(wanted, ps, platform.Equal),
		}, ps...)
		f.File, f.Line = l.File, l.Line
		found = append(found, f)
	}
	return found
}

// Mismatches returns the findings about base images whose configuration is of another platform than they are fetched for, unless the user
// has allowed it by the image's name.
func Mismatches(ctx context.Context, bases []baseimage.Base, allowed []reference.Named, at baseimage.At) []diag.Diagnostic {
	var found []mismatch
	for _, b := range bases {
		if !b.Mismatches() || allows(allowed, b) {
			continue
		}
		m := mismatch{diag.Diagnostic{Check: "base-mismatch", Severity: diag.Warning, File: b.File, Line: b.Line}, &BaseError{
			Name: baseimage.Familiar(b.Name), Wanted: []platform.Platform{b.Platform}, Config: b.Config, Single: b.ImagePlatforms(ctx, at).Single,
		}}
		for _, t := range b.Targets {
			m.Platforms = append(m.Platforms, platform.Format(t.Platform))
			if t.Decisive && !compatible(b.Platform, b.Config) {
				m.Severity = diag.Error
			}
		}
		found = append(found, m)
	}
	return joined(found)
}

// mismatch is a finding together with its error, which is set once mismatches are merged.
type mismatch struct {
	diag.Diagnostic
	err *BaseError
}

// joined merges the mismatches of one image at one line.
func joined(all []mismatch) []diag.Diagnostic {
	var merged []mismatch
	for _, m := range all {
		i := slices.IndexFunc(merged, func(o mismatch) bool {
			return o.err.Name == m.err.Name && o.File == m.File && o.Line == m.Line && o.Severity == m.Severity && platform.Equal(o.err.Config, m.err.Config)
		})
		if i < 0 {
			merged = append(merged, m)
			continue
		}
		merged[i].Platforms = append(merged[i].Platforms, m.Platforms...)
		merged[i].err.Wanted = append(merged[i].err.Wanted, m.err.Wanted...)
	}
	found := make([]diag.Diagnostic, len(merged))
	for i, m := range merged {
		m.Cause = m.err
		found[i] = m.Diagnostic
	}
	return found
}

// compatible reports whether most processors of the platform also run programs of the other.
func compatible(wanted, config platform.Platform) bool {
	pair := wanted.Architecture + " " + config.Architecture
	return wanted.OS == config.OS && (pair == "amd64 386" || pair == "arm64 arm")
}

// allows reports whether the user has allowed the base image to be of any platform.
func allows(allowed []reference.Named, b baseimage.Base) bool {
	return slices.ContainsFunc(allowed, func(name reference.Named) bool {
		return reference.TagNameOnly(name).String() == b.Name || name.String() == b.Pinned()
	})
}
