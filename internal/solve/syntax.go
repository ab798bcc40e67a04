package solve

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"

	"github.com/docker-multiarch/docker-multiarch/internal/baseimage"
	"github.com/docker-multiarch/docker-multiarch/internal/dockerfile"
)

// syntaxes are the images of frontends that a build uses, by name. Each is resolved once, for all platforms and nodes.
type syntaxes struct {
	mu     sync.Mutex
	pinned map[string]string
}

// pin returns the image with its digest; "" if it cannot be resolved. The frontend's run then fails in the same way, and tells more.
func (s *syntaxes) pin(ctx context.Context, gw gateway.Client, image string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pinned, ok := s.pinned[image]; ok {
		return pinned
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	name, dgst, _, err := gw.ResolveImageConfig(ctx, reference.TagNameOnly(named).String(), sourceresolver.Opt{LogName: baseimage.QuietVertex})
	if err != nil {
		return ""
	}
	if named, err = reference.ParseNormalizedNamed(name); err == nil { // a source policy may have replaced it
		named, err = reference.WithDigest(named, dgst)
	}
	if err != nil {
		return ""
	}
	if s.pinned == nil {
		s.pinned = map[string]string{}
	}
	s.pinned[image] = named.String()
	return named.String()
}

// syntax returns the image of the frontend that the job's Dockerfile is for, and the words after it; "" means BuildKit's own, unless a remote
// context has the Dockerfile. A BUILDKIT_SYNTAX build argument replaces it, as in docker buildx (build/opt.go).
func (j job) syntax(attrs map[string]string) (image, cmdline string, byArgument bool) {
	if cmdline = strings.TrimSpace(attrs["build-arg:BUILDKIT_SYNTAX"]); cmdline != "" {
		image, _, _ = strings.Cut(cmdline, " ")
		return image, cmdline, true
	}
	image, cmdline = dockerfile.Syntax(j.req.Source.DockerfileOf(j.target).Text)
	return image, cmdline, false
}

// runFrontend runs the frontend of the job's Dockerfile with these attributes, which it completes. An image of a frontend is pinned, except where
// a named context replaces it, and in attested builds, whose provenance names the image as the Dockerfile does.
func (j job) runFrontend(ctx context.Context, gw gateway.Client, attrs map[string]string) (*gateway.Result, error) {
	image, cmdline, byArgument := j.syntax(attrs)
	pinned := ""
	if image != "" && len(j.fleet.req.Attests) == 0 && !j.req.Source.Replaces(image) {
		pinned = j.fleet.syntaxes.pin(ctx, gw, image)
	}
	if pinned == "" && !byArgument { // BuildKit finds the image itself
		return j.node.solved(ctx, gw, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: attrs})
	}
	attrs["source"], attrs["cmdline"] = image, cmdline
	if pinned != "" {
		attrs["source"] = pinned
	}
	res, err := j.node.solved(ctx, gw, gateway.SolveRequest{Frontend: "gateway.v0", FrontendOpt: attrs})
	if err != nil && !byArgument && len(errdefs.Sources(err)) == 0 {
		err = fmt.Errorf("# syntax=%s: %w", cmdline, err)
	}
	return res, err
}
