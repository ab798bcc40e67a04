package pins

import (
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// Frontends are the images of frontends that a build uses, each resolved once for all of its platforms and nodes. No graph has them. The zero
// value is ready to use.
type Frontends struct {
	mu     sync.Mutex
	pinned map[string]string
}

// Pin returns the image with its digest; "" if resolve fails. The frontend's run then fails in the same way, and tells more. resolve is given
// the image's full name, and returns the name that a source policy may have put in its place.
func (f *Frontends) Pin(image string, resolve func(image string) (string, digest.Digest, error)) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pinned, ok := f.pinned[image]; ok {
		return pinned
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	name, dgst, err := resolve(reference.TagNameOnly(named).String())
	if err != nil {
		return ""
	}
	if named, err = reference.ParseNormalizedNamed(name); err == nil {
		named, err = reference.WithDigest(named, dgst)
	}
	if err != nil {
		return ""
	}
	if f.pinned == nil {
		f.pinned = map[string]string{}
	}
	f.pinned[image] = named.String()
	return named.String()
}
