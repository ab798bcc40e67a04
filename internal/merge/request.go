package merge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Request says what is joined, and what becomes of it.
type Request struct {
	// Registry is asked for everything that is in registries.
	Registry *manifest.Client
	// Inputs in any order.
	Inputs []Input
	// Tags that are to name the index, in the order in which they move. They may be in several repositories.
	Tags []reference.NamedTagged
	// Onto is a tag whose index the inputs are put into: they replace the images for the same platforms. It is written first. If
	// there is no such tag, one is made.
	Onto reference.NamedTagged
	// Expect are the platforms that the index must have, no more and no fewer; none means any.
	Expect []platform.Platform
	// Family of media types; empty means that of the images, and OCI where they differ.
	Family manifest.Family
	// Annotations of the index and of its entries; other levels have no place here.
	Annotations index.Annotations
	// NoClobber leaves tags that name something else as they are, which is an error. It does not hold for Onto.
	NoClobber bool
	// DryRun writes nothing.
	DryRun bool
	// Looks are what Read saw of tags. They are used unless something has to be brought first, which may take long, and not with
	// Onto.
	Looks []manifest.Look
	// Examine, if not nil, is asked about the images, other than those that Onto has already, before anything is written; blobs has what
	// they are made of. Its error ends the merge.
	Examine tree.Examiner
	// Note, if not nil, is told what the user should know, in one goroutine.
	Note func(string)
	// Pause waits for so long, or until the context ends, and is nil for the real time.
	Pause func(context.Context, time.Duration) error
}

// Result is the index, and what became of the tags.
type Result struct {
	Target ocispecs.Descriptor
	Body   []byte
	// Images in the order of the index.
	Images []Image
	// Tags in the order of the request, Onto first. None if nothing was to be written.
	Tags []manifest.TagResult
}

// Image is an image of the index.
type Image struct {
	Platform     platform.Platform
	Manifest     ocispecs.Descriptor
	Config       digest.Digest
	Size         int64 // bytes of the layers and the configuration, as they are stored
	Attestations []ocispecs.Descriptor
	// From is the name of the input that it came from.
	From string
	// Kept: it is Onto's, and was not replaced.
	Kept bool
}

// ErrTaken is wrapped when a tag names something else, and must not be moved.
var ErrTaken = errors.New("it must not be moved")

// errChanged is a tag that somebody else has written since it was read.
var errChanged = errors.New("the tag has changed")

// targets are all tags, each once.
func (r Request) targets() []reference.NamedTagged {
	if r.Onto == nil {
		return r.Tags
	}
	targets := []reference.NamedTagged{r.Onto}
	for _, t := range r.Tags {
		if t.String() != r.Onto.String() {
			targets = append(targets, t)
		}
	}
	return targets
}

func (r Request) withDefaults() Request {
	if r.Note == nil {
		r.Note = func(string) {}
	}
	if r.Pause == nil {
		r.Pause = manifest.Sleep
	}
	return r
}

// taken is the error of a tag that must not be moved.
func taken(tag reference.NamedTagged, now digest.Digest) error {
	return fmt.Errorf("%q names %s already: %w", reference.FamiliarString(tag), now, ErrTaken)
}
