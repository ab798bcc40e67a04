package graph

import (
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/gitutil"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// ImageRef is an image that a build starts or copies from.
type ImageRef struct {
	// Name is normalised, such as docker.io/library/alpine:3.20. It has no digest, and no tag either if the Dockerfile gave only
	// a digest. A name that cannot be parsed is unchanged.
	Name string
	// Digest is the digest that the frontend resolved Name to for this graph: that of the index if Name is one, otherwise that of
	// the manifest. It is "" if unresolved.
	Digest digest.Digest
	// Platform is the platform that the image is fetched for.
	Platform platform.Platform
}

// Images returns the images from registries that the build fetches, each once, in the order of g. Graphs that were read at
// different moments may have different digests for one name. The tag then changed in between.
func (g Graph) Images() []ImageRef {
	var refs []ImageRef
	for _, s := range g.Sources() {
		ref, ok := s.Image()
		same := func(r ImageRef) bool {
			return r.Name == ref.Name && r.Digest == ref.Digest && platform.Equal(r.Platform, ref.Platform)
		}
		if ok && !slices.ContainsFunc(refs, same) {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Image returns the image that the step fetches from a registry. ok is false if it fetches none.
func (s Step) Image() (ref ImageRef, ok bool) {
	rest, ok := strings.CutPrefix(s.Source, "docker-image://")
	if !ok {
		return ImageRef{}, false
	}
	ref = ImageRef{Name: rest, Digest: digest.Digest(s.Attrs[pb.AttrImageChecksum]), Platform: s.Platform}
	if named, err := reference.ParseNormalizedNamed(rest); err == nil {
		ref.Name = tagOf(named)
		if d, ok := named.(reference.Digested); ok {
			ref.Digest = d.Digest()
		}
	}
	return ref, true
}

func tagOf(named reference.Named) string {
	if _, ok := named.(reference.Digested); !ok {
		return reference.TagNameOnly(named).String()
	}
	name := reference.TrimNamed(named).String()
	if tagged, ok := named.(reference.Tagged); ok {
		name += ":" + tagged.Tag()
	}
	return name
}

// Remotes returns the steps that fetch from a git repository or an http server, in the order of g. Unless [Step.Pinned], their
// sources may change before the next platform asks for them. The client's own uploads, which BuildKit has as http sources of the
// host buildkit-session (session/upload), are not among them.
func (g Graph) Remotes() []Step {
	var out []Step
	for _, s := range g.Sources() {
		scheme, rest, _ := strings.Cut(s.Source, "://")
		upload := strings.HasPrefix(rest, "buildkit-session/")
		if scheme == "git" || (scheme == "http" || scheme == "https") && !upload {
			out = append(out, s)
		}
	}
	return out
}

// Pinned reports whether the graph alone decides what the source fetches, so that every platform gets the same or fails: an image
// with a digest, a URL with a checksum, a git repository with a checksum or at a full commit. It is false for the context and for
// steps that fetch nothing.
func (s Step) Pinned() bool {
	scheme, rest, _ := strings.Cut(s.Source, "://")
	switch scheme {
	case "docker-image", "oci-layout":
		return s.Attrs[pb.AttrImageChecksum] != "" || strings.Contains(rest, "@")
	case "http", "https":
		return s.Attrs[pb.AttrHTTPChecksum] != ""
	case "git":
		_, fragment, _ := strings.Cut(rest, "#")
		ref, _, _ := strings.Cut(fragment, ":")
		return s.Attrs[pb.AttrGitChecksum] != "" || gitutil.IsCommitSHA(ref)
	}
	return false
}
