// Package source has the inputs of a build: the build context, the Dockerfiles and the named contexts, local or remote. It opens them,
// spools inputs that can be read only once, and serves them to a builder.
package source

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/dfgitutil"

	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Source has the build context, the Dockerfile and the named contexts.
type Source struct {
	// Dirs are the local directories that the builder may request, by the name that it uses ("context", "dockerfile", or a named
	// context's).
	Dirs map[string]string
	// Attrs are the frontend attributes that name the rest: a context's URL, the Dockerfile's name, the named contexts.
	Attrs map[string]string
	// Spool is a file with the context that came on standard input as an archive, or "". Every solve may read it.
	Spool string
	// Stores are the OCI layouts of named contexts, by the name that Attrs give them.
	Stores map[string]content.Store
	// ContextDir is the local directory of the context, or "" for a git, http or standard input context.
	ContextDir string

	// Dockerfile is the common one. Own are those of single platforms, by the platform's text (platform.Format).
	Dockerfile Dockerfile
	Own        map[string]Dockerfile

	ignore []byte // the context's own ignore file; nil if it has none, or if no Dockerfile uses it
}

func newSource() Source {
	return Source{Dirs: map[string]string{}, Attrs: map[string]string{}, Stores: map[string]content.Store{}, Own: map[string]Dockerfile{}}
}

// FrontendAttrs returns the frontend's attributes of the source for one platform. The map is new.
func (s Source) FrontendAttrs(p platform.Platform) map[string]string {
	attrs := maps.Clone(s.Attrs)
	if attrs == nil {
		attrs = map[string]string{}
	}
	d := s.DockerfileOf(p)
	if d.Name != "" {
		attrs["filename"] = d.Name
	}
	if d.forced {
		attrs["dockerfilekey"] = d.Local
	}
	return attrs
}

// DockerfileOf returns the Dockerfile that the platform is built from.
func (s Source) DockerfileOf(p platform.Platform) Dockerfile {
	if own, ok := s.Own[platform.Format(p)]; ok {
		return own
	}
	return s.Dockerfile
}

// Project returns an identifier of the project, to distinguish commands that are the same in many Dockerfiles. client identifies the user's
// machine.
func (s Source) Project(client string) string {
	return cmp.Or(s.Attrs[ContextName], s.sharedKey(client))
}

func (s Source) sharedKey(client string) string {
	dir := s.ContextDir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(client + "\x00" + dir))
	return hex.EncodeToString(sum[:16])
}

// contextPrefix begins the frontend attribute of a named context.
const contextPrefix = "context:"

// HasContext reports whether there is a named context of exactly that name.
func (s Source) HasContext(name string) bool { return s.Attrs[contextPrefix+name] != "" }

// Replaces reports whether a named context stands for an image (BuildKit, frontend/dockerui/namedcontext.go).
func (s Source) Replaces(image string) bool {
	if named, err := reference.ParseNormalizedNamed(image); err == nil {
		image = strings.TrimSuffix(reference.FamiliarString(named), ":latest")
	}
	for attr := range s.Attrs {
		if name, ok := strings.CutPrefix(attr, contextPrefix); ok && (name == image || strings.HasPrefix(name, image+"::")) {
			return true
		}
	}
	return false
}

// Remote reports whether the context, a named context or a Dockerfile is a git or http source, which the builder reads itself.
func (s Source) Remote() bool {
	for attr, value := range s.Attrs {
		if attr != ContextName && !strings.HasPrefix(attr, contextPrefix) {
			continue
		}
		if _, git, _ := dfgitutil.ParseGitRef(value); git || strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://") {
			return true
		}
	}
	return false
}

// Names reports whether the command line names a remote source as the context or as a named context: by BuildKit's identifier of it, or by
// its URL, which may be "". Other attributes describe the context, and come from the context itself: the URL of its repository is one.
func (s Source) Names(identifier, url string) bool {
	for attr, value := range s.Attrs {
		if attr != ContextName && !strings.HasPrefix(attr, contextPrefix) {
			continue
		}
		address, _, _ := strings.Cut(value, "#")
		if identifier == value || address != "" && url == address {
			return true
		}
	}
	return false
}
