package pins

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// Frontends are the images of frontends that a build uses, each resolved once for all of its platforms and nodes. No graph has them. The zero
// value is ready to use.
type Frontends struct {
	mu     sync.Mutex
	pinned map[string]Frontend
}

// Frontend is an image of a frontend.
type Frontend struct {
	Image       string // with its digest
	TakesInputs bool   // it uses files that it is given with the request
}

// capabilities is the label with which an image says what its frontend can do, and takesInputs one of its words (BuildKit,
// frontend/gateway/gateway.go).
const (
	capabilities = "moby.buildkit.frontend.caps"
	takesInputs  = "moby.buildkit.frontend.inputs"
)

// Resolved is what a name of an image stands for.
type Resolved struct {
	Name   string // the full one, which a source policy may have put in the place of the one that was asked for
	Digest digest.Digest
	Config []byte
}

// Pin returns the image with its digest; the zero value if resolve fails. The frontend's run then fails in the same way, and tells more.
// resolve is given the image's full name.
func (f *Frontends) Pin(image string, resolve func(image string) (Resolved, error)) Frontend {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pinned, ok := f.pinned[image]; ok {
		return pinned
	}
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return Frontend{}
	}
	found, err := resolve(reference.TagNameOnly(named).String())
	if err != nil {
		return Frontend{}
	}
	if named, err = reference.ParseNormalizedNamed(found.Name); err == nil {
		named, err = reference.WithDigest(named, found.Digest)
	}
	if err != nil {
		return Frontend{}
	}
	if f.pinned == nil {
		f.pinned = map[string]Frontend{}
	}
	f.pinned[image] = Frontend{named.String(), found.takesInputs()}
	return f.pinned[image]
}

func (r Resolved) takesInputs() bool {
	var image ocispecs.Image
	if json.Unmarshal(r.Config, &image) != nil {
		return false
	}
	return slices.Contains(strings.Split(image.Config.Labels[capabilities], ","), takesInputs)
}
