package source

import (
	"fmt"
	"strings"

	contentlocal "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/ociindex"
	"github.com/moby/buildkit/identity"
	"github.com/opencontainers/go-digest"
)

const layoutPrefix = "oci-layout://"

// layoutContext makes an OCI layout on disk ("oci-layout://PATH[:TAG][@DIGEST]", as docker buildx reads it) a named context. BuildKit
// requests the content by the name of a store in the session.
func (s *opener) layoutContext(name, value string) error {
	path, tag, dgst := splitLayout(strings.TrimPrefix(value, layoutPrefix))
	if dgst == "" {
		desc, err := ociindex.NewStoreIndex(path).Get(tag)
		if err != nil {
			return fmt.Errorf("the OCI layout %q cannot be read: %w", path, err)
		}
		if desc == nil {
			return fmt.Errorf("the OCI layout %q has no tag %q", path, tag)
		}
		dgst = desc.Digest
	}
	if err := s.AddLayout(name, path, dgst); err != nil {
		return fmt.Errorf("the OCI layout %q cannot be read: %w", path, err)
	}
	return nil
}

// AddLayout makes an image of an OCI layout on disk the named context of that name. The layout must stay until the build has ended.
func (s *Source) AddLayout(name, path string, root digest.Digest) error {
	store, err := contentlocal.NewStore(path)
	if err != nil {
		return err
	}
	id := identity.NewID()
	s.Stores[id] = store
	s.Attrs[contextPrefix+name] = layoutPrefix + id + "@" + root.String()
	return nil
}

// splitLayout splits off a digest and a tag; the tag is "latest" where there is neither.
func splitLayout(ref string) (path, tag string, dgst digest.Digest) {
	path = ref
	if i := strings.LastIndex(path, "@"); i >= 0 {
		if d, err := digest.Parse(path[i+1:]); err == nil {
			path, dgst = path[:i], d
		}
	}
	// A colon after the last slash starts a tag. A colon in second place belongs to a Windows drive.
	if i := strings.LastIndex(path, ":"); i > 1 && reference.TagRegexp.MatchString(path[i+1:]) && !strings.ContainsAny(path[i+1:], `/\`) {
		path, tag = path[:i], path[i+1:]
	}
	if tag == "" && dgst == "" {
		tag = "latest"
	}
	return path, tag, dgst
}
