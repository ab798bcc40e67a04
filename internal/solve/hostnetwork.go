package solve

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"

	builder "github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Reference is a name of the command line, or of the environment, that may be of a registry: an image's, or a host's.
type Reference struct {
	Name string
	By   string // what has it, for messages: "the build argument BASE"
}

// References are all of a request: its tags, its caches, its named contexts, its SBOM's generator, and the values of its build arguments.
func (r Request) References() []Reference {
	var refs []Reference
	for _, t := range r.Tags {
		refs = append(refs, Reference{t.String(), "the tag " + reference.FamiliarString(t)})
	}
	for _, repo := range r.ByDigest {
		refs = append(refs, Reference{repo.Name(), "the name " + reference.FamiliarName(repo)})
	}
	for _, name := range r.Cache.references() {
		refs = append(refs, Reference{name, "the cache " + name})
	}
	for _, attr := range slices.Sorted(maps.Keys(r.Source.Attrs)) {
		if image, ok := strings.CutPrefix(r.Source.Attrs[attr], "docker-image://"); ok {
			refs = append(refs, Reference{image, "the named context " + strings.TrimPrefix(attr, "context:")})
		}
	}
	refs = append(refs, ofArgs(r.BuildArgs)...)
	for _, p := range slices.Sorted(maps.Keys(r.Own)) {
		refs = append(refs, ofArgs(r.Own[p].BuildArgs)...)
	}
	if scanner := r.scanner(); scanner != "" {
		refs = append(refs, Reference{scanner, "the generator " + scanner})
	}
	return refs
}

// ofArgs shows no value: it may be a secret.
func ofArgs(args map[string]string) (refs []Reference) {
	for _, k := range slices.Sorted(maps.Keys(args)) {
		refs = append(refs, Reference{args[k], "the build argument " + k})
	}
	return refs
}

// HostNetworkError says that a Dockerfile names an image in a registry on loopback, which a builder reaches on the network of its engine's
// host only. A Dockerfile cannot ask for that network: that is for the command line.
type HostNetworkError struct {
	Image string
	Text  string // the words of the Dockerfile; "" if they are not known
	File  string // "" if it is not known
	Line  int
	Err   error // why the builder could not fetch it; nil if it was not tried
}

func (e *HostNetworkError) Error() string {
	at := ""
	if e.File != "" && e.Line > 0 {
		at = fmt.Sprintf("%s:%d: ", e.File, e.Line)
	}
	text := e.Text
	if text == "" {
		text = "the Dockerfile"
	}
	return fmt.Sprintf("%s%s takes %q from a registry on loopback, which a builder reaches on the host's network only,"+
		" and it is not for a Dockerfile to put the builder there", at, text, e.Image)
}

func (e *HostNetworkError) Unwrap() error { return e.Err }

// LoopbackImage is the first image in a registry on loopback that local Dockerfiles name by themselves, as an error; nil if they name
// none. What a remote Dockerfile names is known when the builder reads it.
func (r Request) LoopbackImage() *HostNetworkError {
	for _, p := range r.perPlatform() {
		d := r.Source.DockerfileOf(p)
		text := d.Text
		if !mayBeLoopback(text, r.buildArgs(p)) {
			continue
		}
		for _, i := range dockerfile.Images(text, r.imageChoice(p)) {
			if builder.NeedsHostNetwork(i.Name) {
				return &HostNetworkError{Image: i.Name, Text: i.Text, File: d.Shown, Line: i.Line}
			}
		}
	}
	return nil
}

// perPlatform are the platforms that may have Dockerfiles and values of their own.
func (r Request) perPlatform() []platform.Platform {
	if len(r.Platforms) == 0 {
		return []platform.Platform{{}}
	}
	return r.Platforms
}

func (r Request) imageChoice(p platform.Platform) dockerfile.Choice {
	return dockerfile.Choice{
		Args: r.buildArgs(p), Target: r.target(p), Named: r.Source.Replaces,
		Env: []string{
			"TARGETPLATFORM=" + platform.Format(p), "TARGETOS=" + p.OS, "TARGETARCH=" + p.Architecture, "TARGETVARIANT=" + p.Variant,
		},
	}
}

// mayBeLoopback is quick, and right where it says no: most Dockerfiles need not be parsed for this.
func mayBeLoopback(text string, args map[string]string) bool {
	for _, part := range append(slices.Collect(maps.Values(args)), text) {
		if strings.Contains(part, "localhost") || strings.Contains(part, "127.") || strings.Contains(part, "[") && strings.Contains(part, ":") {
			return text != ""
		}
	}
	return false
}

// unresolved are the words of the frontend for an image that it could not look up (BuildKit, client/llb/sourceresolver).
var unresolved = regexp.MustCompile(`failed to resolve source metadata for (\S+): `)

// solved is a frontend's answer. Where it fails of an image that the node does not reach, since it is in a registry on loopback and
// nothing on the command line is, the error says so.
func (n Node) solved(ctx context.Context, gw gateway.Client, req gateway.SolveRequest) (*gateway.Result, error) {
	res, err := gw.Solve(ctx, req)
	if err == nil || n.OnHost {
		return res, err
	}
	m := unresolved.FindStringSubmatch(err.Error())
	if m == nil || !builder.NeedsHostNetwork(m[1]) {
		return res, err
	}
	e := &HostNetworkError{Image: familiar(m[1]), Err: err}
	for _, src := range errdefs.Sources(err) {
		if len(src.GetRanges()) > 0 {
			e.File, e.Line = src.GetInfo().GetFilename(), int(src.GetRanges()[0].GetStart().GetLine())
		}
	}
	return res, e
}
