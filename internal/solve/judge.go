package solve

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// BaseError says what is wrong with a base image.
type BaseError struct {
	// Name is the image's as people write it.
	Name string
	// Wanted are the platforms that it has nothing for, or something else; Offered those that it has, as far as that is known.
	Wanted, Offered []platform.Platform
	// Single: it is no index, but an image of one platform, which BuildKit takes for whatever platform is asked for.
	Single bool
	// Config is what the image says of itself that its index says is for Wanted; zero if it has nothing for Wanted at all.
	Config platform.Platform
}

func (e *BaseError) Error() string {
	wanted, offered := formatAll(e.Wanted), formatAll(e.Offered)
	switch {
	case e.Config.Architecture == "" && offered == "":
		return fmt.Sprintf("base image %q has nothing for %s", e.Name, wanted)
	case e.Config.Architecture == "":
		return fmt.Sprintf("base image %q has nothing for %s; it has %s", e.Name, wanted, offered)
	case e.Single:
		return fmt.Sprintf("base image %q is a single image for %s, and would be taken for %s", e.Name, platform.Format(e.Config), wanted)
	}
	return fmt.Sprintf("base image %q is said to be for %s by its index, and for %s by its own configuration", e.Name, wanted, platform.Format(e.Config))
}

func formatAll(ps []platform.Platform) string { return strings.Join(platform.FormatAll(ps), ", ") }

// lacked are the words of the frontend for an image that has nothing for a platform: those of containerd behind its own
// (util/imageutil/config.go, client/llb/sourceresolver).
var lacked = regexp.MustCompile(`failed to resolve source metadata for (\S+): no match for platform in manifest`)

// lack is what a platform's frontend could not find.
type lack struct {
	name, file string
	line       int
	platforms  []platform.Platform
	pinned     string        // what the line says that its stage is for; "" if nothing
	digest     digest.Digest // "" if no platform found it
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

// wanted is what the image is to have: the platforms of the build, unless the stage says another one.
func (l lack) wanted(own platform.Platform) []platform.Platform {
	if strings.Trim(l.pinned, `${}"`) == "BUILDPLATFORM" {
		return []platform.Platform{own}
	}
	if ps, _, err := platform.Parse(l.pinned); l.pinned != "" && err == nil {
		return ps
	}
	return l.platforms
}

// lackOf reads it from the error of a frontend.
func lackOf(err error) (l lack, ok bool) {
	if err == nil {
		return lack{}, false
	}
	m := lacked.FindStringSubmatch(err.Error())
	if m == nil {
		return lack{}, false
	}
	l = lack{name: m[1]}
	for _, src := range errdefs.Sources(err) {
		if len(src.GetRanges()) > 0 {
			l.file, l.line = src.GetInfo().GetFilename(), int(src.GetRanges()[0].GetStart().GetLine())
			l.pinned = pinnedAt(src.GetInfo().GetData(), l.line)
		}
	}
	return l, true
}

// lacks are the base images that have nothing for platforms which could not be read for that reason. A frontend says which one it met
// first; of the others the other platforms' graphs know.
func (c clearing) lacks(ctx context.Context, gw gateway.Client, reports []report, all []base) []lack {
	var found lacking
	for i, r := range reports {
		l, ok := lackOf(r.err)
		if !ok {
			continue
		}
		for _, b := range all {
			if b.Name == l.name {
				l.digest = b.Digest
			}
		}
		found.add(l, c.targets[i])
		for _, b := range all {
			if b.Name != l.name && b.follows() && c.env.Node.offers(ctx, gw, b.Name, b.Digest).without(c.targets[i]) {
				found.add(lack{name: b.Name, file: b.file, line: b.line, digest: b.Digest}, c.targets[i])
			}
		}
	}
	return found
}

// lacking has each image of a Dockerfile once.
type lacking []lack

func (all *lacking) add(l lack, p platform.Platform) {
	i := slices.IndexFunc(*all, func(f lack) bool { return f.name == l.name && f.file == l.file })
	if i < 0 {
		i, *all = len(*all), append(*all, l)
	}
	have := &(*all)[i]
	have.line = min(have.line, l.line) // a frontend says any of them
	if !platform.Contains(have.platforms, p) {
		have.platforms = append(have.platforms, p)
	}
}

// follows: the base is fetched for the platform that is built, as far as the graphs tell.
func (b base) follows() bool {
	return slices.ContainsFunc(b.targets, func(t baseTarget) bool { return platform.Equal(t.platform, b.Platform) })
}

// without: it is known that BuildKit would find nothing for the platform.
func (o offer) without(p platform.Platform) bool {
	return len(o.platforms) > 0 && !o.single && !slices.ContainsFunc(o.platforms, platforms.Only(p).Match)
}

// missingBases are the findings of what lacks.
func (c clearing) missingBases(ctx context.Context, v survey) []Finding {
	var found []Finding
	for _, l := range v.lacks {
		o := c.env.Node.offers(ctx, v.gw, l.name, l.digest)
		wanted, instead := l.wanted(c.env.Node.Native()), "leave it out of --platform"
		if !slices.EqualFunc(wanted, l.platforms, platform.Equal) {
			instead = "another --platform in that line"
		}
		found = append(found, Finding{
			Check: "base-platform", Platforms: l.platforms, File: l.file, Line: l.line,
			Err: &BaseError{Name: familiar(l.name), Wanted: wanted, Offered: o.platforms},
			Fix: fmt.Sprintf("take a base image that has %s, or %s", formatAll(wanted), instead),
		})
	}
	return found
}

// mismatched are the base images whose configuration is of another platform than they are fetched for.
func (c clearing) mismatched(ctx context.Context, v survey) []Finding {
	var found []mismatch
	for _, b := range v.bases {
		if !b.mismatches() || c.allows(b) {
			continue
		}
		m := mismatch{Finding{Check: "base-mismatch", File: b.file, Line: b.line, Hint: true}, &BaseError{
			Name: b.familiar(), Wanted: []platform.Platform{b.Platform}, Config: b.config,
			Single: c.env.Node.offers(ctx, v.gw, b.Name, b.Digest).single,
		}}
		for _, t := range b.targets {
			m.Platforms = append(m.Platforms, t.platform)
			m.Hint = m.Hint && (!t.decisive || lawful(b.Platform, b.config))
		}
		found = append(found, m)
	}
	return joined(found)
}

// mismatch is a finding with the error that it will have.
type mismatch struct {
	Finding
	err *BaseError
}

// joined puts mismatches of one image at one line together.
func joined(all []mismatch) []Finding {
	var merged []mismatch
	for _, m := range all {
		i := slices.IndexFunc(merged, func(o mismatch) bool {
			return o.err.Name == m.err.Name && o.File == m.File && o.Line == m.Line && o.Hint == m.Hint && platform.Equal(o.err.Config, m.err.Config)
		})
		if i < 0 {
			merged = append(merged, m)
			continue
		}
		merged[i].Platforms = append(merged[i].Platforms, m.Platforms...)
		merged[i].err.Wanted = append(merged[i].err.Wanted, m.err.Wanted...)
	}
	found := make([]Finding, len(merged))
	for i, m := range merged {
		m.Err = m.err
		m.Fix = fmt.Sprintf("take an image that has %s; if all of it runs there all the same: --allow-platform-mismatch %s", formatAll(m.err.Wanted), m.err.Name)
		found[i] = m.Finding
	}
	return found
}

// lawful: most processors of the platform also run programs of the other.
func lawful(wanted, config platform.Platform) bool {
	pair := wanted.Architecture + " " + config.Architecture
	return wanted.OS == config.OS && (pair == "amd64 386" || pair == "arm64 arm")
}

// allows tells whether the user has said that the base's platform is all the same.
func (c clearing) allows(b base) bool {
	return slices.ContainsFunc(c.req.AllowMismatch, func(name reference.Named) bool {
		return reference.TagNameOnly(name).String() == b.Name || name.String() == b.pinned()
	})
}
