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

// Request is the input of [Merge].
type Request struct {
	// Registry is the client for all registries.
	Registry *manifest.Client
	// Inputs are in any order.
	Inputs []Input
	// Tags are the tags for the index, in the order in which they move. They may be in several repositories.
	Tags []reference.NamedTagged
	// Onto is a tag whose index the inputs are added to. They replace the images for the same platforms. It is written first. If
	// there is no such tag, it is created.
	Onto reference.NamedTagged
	// Expect has exactly the platforms of the index. None means any.
	Expect []platform.Platform
	// Family is the family of media types. Empty means that of the images, and OCI if they differ.
	Family manifest.Family
	// Annotations are those of the index and of its entries. Other levels are not supported.
	Annotations index.Annotations
	// NoClobber refuses to move a tag that names something else, with an error. It does not apply to Onto.
	NoClobber bool
	// DryRun writes nothing.
	DryRun bool
	// Looks are Read's results for the tags. They are used if no content has to be copied first, which may take long, and not
	// with Onto.
	Looks []manifest.Look
	// Examine, if not nil, is called with the images before anything is written, except for those that Onto has already. blobs
	// has their content. An error ends the merge.
	Examine tree.Examiner
	// Note, if not nil, receives messages for the user, from one goroutine.
	Note func(string)
	// Pause waits for the duration, or until the context ends. nil waits in real time.
	Pause func(context.Context, time.Duration) error
}

// Result is the index and the outcome for the tags.
type Result struct {
	Target ocispecs.Descriptor
	Body   []byte
	// Images are in the order of the index.
	Images []Image
	// Tags are in the order of the request, Onto first. There are none if nothing was to be written.
	Tags []manifest.TagResult
}

// Image is an image of the index.
type Image struct {
	Platform     platform.Platform
	Manifest     ocispecs.Descriptor
	Config       digest.Digest
	Size         int64 // bytes of the layers and the configuration, as they are stored
	Attestations []ocispecs.Descriptor
	// From is the name of the image's input.
	From string
	// Kept means that it was in Onto, and was not replaced.
	Kept bool
}

// ErrTaken is wrapped when a tag names something else, and must not be moved.
var ErrTaken = errors.New("it must not be moved")

// errChanged means that another writer has changed the tag since it was read.
var errChanged = errors.New("the tag has changed")

// targets returns all tags, each once.
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

// taken returns the error of a tag that must not be moved.
func taken(tag reference.NamedTagged, now digest.Digest) error {
	return fmt.Errorf("%q names %s already: %w", reference.FamiliarString(tag), now, ErrTaken)
}
