package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Source has the image.
type Source interface {
	content.Fetcher
	// Stat tells how many bytes of a blob there are; one that holds the blob itself may check it. What is not there is an error
	// that wraps manifest.ErrNotFound or oras-go's errdef.ErrNotFound; for several goroutines.
	Stat(context.Context, ocispecs.Descriptor) (int64, error)
}

// Request says what to look at.
type Request struct {
	Root   ocispecs.Descriptor
	Source Source
	// Expect are the platforms that the image is for, exactly; none means any.
	Expect []platform.Platform
	// Executables says how those of all images are examined; nil: they are not.
	Executables *Executables
}

// Check is a kind of finding: one of these, or a check of package gate. The texts are a promise to scripts.
type Check string

// All checks.
const (
	Missing     Check = "missing"     // something that the image needs is not there
	Broken      Check = "broken"      // something is not what its digest says, or no document of its kind
	Size        Check = "size"        // something has another size than its descriptor says
	MediaType   Check = "media-type"  // a descriptor's media type is not that of what it describes
	Platform    Check = "platform"    // an entry's platform is not that of the configuration, or missing, or misspelled
	Layers      Check = "layers"      // the manifest and the configuration have different layers
	Duplicate   Check = "duplicate"   // two images for one platform
	Attestation Check = "attestation" // an attestation about nothing that is in the index
	Expected    Check = "expect"      // a platform is not there, or was not expected

	AllowUnmatched Check = "allow-unmatched" // a pattern that allows files matches none
)

// Finding is something that is wrong, or worth to be known.
type Finding struct {
	Check    Check
	Severity gate.Severity
	Platform string        `json:",omitempty"` // of the image that it is about
	Digest   digest.Digest `json:",omitempty"` // of what it is about
	// Of executables: where they are in the image, how many, the step that made their layer, and the machines.
	Path   string   `json:",omitempty"`
	Paths  []string `json:",omitempty"`
	Count  int      `json:",omitempty"`
	Step   string   `json:",omitempty"`
	Found  string   `json:",omitempty"`
	Wanted string   `json:",omitempty"`

	Message string
}

// Tally is what came of the executables of an image.
type Tally struct {
	Platform string
	Verdict  gate.Verdict
	Files    int // executables that were examined
}

// Result is what was found out.
type Result struct {
	Tree     tree.Tree
	Findings []Finding
	// Tally is that of the images' executables, in the order of the tree; none if they were not examined.
	Tally []Tally
	// Manifests and Blobs are how many different ones were looked at, the root included.
	Manifests, Blobs int
}

// Run looks at an image. The error is that of a source that could not be asked, or the context's. A root that is not there is a
// finding.
func Run(ctx context.Context, req Request) (Result, error) {
	t, problems, err := tree.Examine(ctx, req.Root, req.Source)
	if root := (tree.Problem{}); errors.As(err, &root) && ctx.Err() == nil {
		problems, err = []tree.Problem{root}, nil
	}
	if err != nil {
		return Result{}, err
	}
	r := &run{req: req, result: Result{Tree: t}}
	if err := r.problems(ctx, problems); err != nil {
		return Result{}, err
	}
	if t.Body != nil {
		err = r.look(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	r.sort()
	return r.result, r.unexplained()
}

// look looks at what is there of an image whose root could be read.
func (r *run) look(ctx context.Context) error {
	t := r.result.Tree
	for _, img := range t.Images {
		r.result.Findings = append(r.result.Findings, image(img, t.Root)...)
	}
	whole, err := r.executables(ctx)
	if err != nil {
		return err
	}
	if err := r.blobs(ctx, whole); err != nil {
		return err
	}
	r.result.Findings = append(r.result.Findings, index(t)...)
	r.result.Findings = append(r.result.Findings, expected(t, r.req.Expect)...)
	return nil
}

// OK tells whether nothing is wrong. What is only a warning is not.
func (r Result) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == gate.Error })
}

// run is one Run.
type run struct {
	req    Request
	result Result
	unread []error // by image: why its executables were not examined
}

// sort brings the findings into the order of the platforms; those about none are the last. What has no severity is an error.
func (r *run) sort() {
	for i := range r.result.Findings {
		f := &r.result.Findings[i]
		f.Severity = cmp.Or(f.Severity, gate.Error)
	}
	images := r.result.Tree.Images
	ranks := map[string]int{"": len(images) + 1}
	for i, img := range slices.Backward(images) {
		if name := platformOf(img.Descriptor.Platform); name != "" {
			ranks[name] = i
		}
	}
	rank := func(f Finding) int {
		if i, ok := ranks[f.Platform]; ok {
			return i
		}
		return len(images)
	}
	slices.SortStableFunc(r.result.Findings, func(a, b Finding) int { return rank(a) - rank(b) })
}

// problems makes findings of the documents that could not be read.
func (r *run) problems(ctx context.Context, problems []tree.Problem) error {
	owners := r.owners()
	for _, p := range problems {
		f := Finding{Check: Broken, Digest: p.Descriptor.Digest, Platform: platformOf(p.Descriptor.Platform), Message: p.Err.Error()}
		if name, ok := owners[tree.Subject(p.Descriptor)]; ok && manifest.IsAttestation(p.Descriptor) {
			f.Platform = name
		} else if f.Platform == "" {
			f.Platform = owners[p.Descriptor.Digest.String()]
		}
		switch {
		case isMissing(p.Err):
			f.Check, f.Message = Missing, r.kind(p.Descriptor)+" "+p.Descriptor.Digest.String()+" is not there"
		case isUnanswered(p.Err):
			return p.Err
		case r.otherSize(ctx, p.Descriptor, &f):
		default:
			f.Message = r.kind(p.Descriptor) + " " + p.Descriptor.Digest.String() + " cannot be read: " + cause(p.Err).Error()
		}
		r.result.Findings = append(r.result.Findings, f)
	}
	return nil
}

// owners are the platforms of images, by the digests of the images and of their configurations.
func (r *run) owners() map[string]string {
	names := map[string]string{}
	for _, img := range slices.Backward(r.result.Tree.Images) { // the first one counts
		name := platformOf(img.Descriptor.Platform)
		names[img.Descriptor.Digest.String()] = name
		if img.Body != nil {
			names[img.Manifest.Config.Digest.String()] = name
		}
	}
	return names
}

// otherSize tells whether a document could not be read because its descriptor has another size for it.
func (r *run) otherSize(ctx context.Context, desc ocispecs.Descriptor, f *Finding) bool {
	size, err := r.req.Source.Stat(ctx, desc)
	if err != nil || size == desc.Size {
		return false
	}
	f.Check, f.Message = Size, sizeText(desc, size)
	return true
}

func sizeText(desc ocispecs.Descriptor, size int64) string {
	return fmt.Sprintf("%s %s has %d bytes, its descriptor says %d", kind(desc), desc.Digest, size, desc.Size)
}

// cause is what a registry's answer came to, without how it was asked.
func cause(err error) error {
	if answer := (*manifest.Error)(nil); errors.As(err, &answer) {
		return answer.Err
	}
	return err
}

// isUnanswered tells a registry that could not be asked from one whose answer makes no sense.
func isUnanswered(err error) bool {
	answer := (*manifest.Error)(nil)
	return errors.As(err, &answer) && (answer.Kind != nil || answer.Status != 0)
}

func isMissing(err error) bool {
	return errors.Is(err, manifest.ErrNotFound) || errors.Is(err, errdef.ErrNotFound)
}

// kind is what a document's descriptor describes, in a word: a root of whatever media type is no layer.
func (r *run) kind(desc ocispecs.Descriptor) string {
	if desc.Digest == r.req.Root.Digest && manifest.FamilyOf(desc.MediaType) == "" {
		return "root"
	}
	return kind(desc)
}

// kind is what a descriptor describes, in a word.
func kind(desc ocispecs.Descriptor) string {
	switch {
	case manifest.IsIndex(desc.MediaType):
		return "index"
	case manifest.IsAttestation(desc):
		return "attestation"
	case manifest.FamilyOf(desc.MediaType) != "":
		return "manifest"
	case tree.IsConfig(desc.MediaType):
		return "configuration"
	}
	return "layer"
}

func platformOf(p *ocispecs.Platform) string {
	if p == nil || p.OS == "" && p.Architecture == "" {
		return ""
	}
	return platform.Format(*p)
}
