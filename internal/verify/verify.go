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

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Source is where the image is.
type Source interface {
	content.Fetcher
	// Stat returns the number of bytes of a blob. A source that holds the blob itself may check it. For a missing blob the error
	// wraps manifest.ErrNotFound or oras-go's errdef.ErrNotFound. Stat is safe for concurrent use.
	Stat(context.Context, ocispecs.Descriptor) (int64, error)
}

// Request is the input of [Run].
type Request struct {
	Root   ocispecs.Descriptor
	Source Source
	// Expect has exactly the platforms of the image. None means any.
	Expect []platform.Platform
	// Executables configures the examination of all images' executables. nil: they are not examined.
	Executables *Executables
}

// Check is a kind of finding: one of these, or a check of package gate. The texts are a promise to scripts.
type Check string

// These are all checks.
const (
	Missing     Check = "missing"     // something that the image needs does not exist
	Broken      Check = "broken"      // content does not match its digest, or is not a document of its kind
	Size        Check = "size"        // the size differs from the descriptor's
	MediaType   Check = "media-type"  // a descriptor's media type differs from the content's
	Platform    Check = "platform"    // an entry's platform differs from the configuration's, or is missing or misspelled
	Layers      Check = "layers"      // the manifest and the configuration have different layers
	Duplicate   Check = "duplicate"   // two images for one platform
	Attestation Check = "attestation" // an attestation about nothing in the index
	Expected    Check = "expect"      // a platform is missing, or unexpected

	AllowUnmatched Check = "allow-unmatched" // a pattern that allows files matches none
)

// Finding is a problem, or a fact worth knowing.
type Finding struct {
	Check    Check
	Severity diag.Severity
	Platform string        `json:",omitempty"` // of the affected image
	Digest   digest.Digest `json:",omitempty"` // of the affected content
	// These are set for executables: their paths in the image, their number, the step that made their layer, and the machines.
	Path   string   `json:",omitempty"`
	Paths  []string `json:",omitempty"`
	Count  int      `json:",omitempty"`
	Step   string   `json:",omitempty"`
	Found  string   `json:",omitempty"`
	Wanted string   `json:",omitempty"`

	Message string
}

// Tally is the outcome of examining an image's executables.
type Tally struct {
	Platform string
	Verdict  gate.Verdict
	Files    int // number of examined executables
}

// Result is the outcome of [Run].
type Result struct {
	Tree     tree.Tree
	Findings []Finding
	// Tally has the images' outcomes in the order of the tree. It is empty if executables were not examined.
	Tally []Tally
	// Manifests and Blobs count the different ones that were checked, the root included.
	Manifests, Blobs int
}

// Run checks an image. It fails if the source could not be asked, or the context ends. A missing root is a finding.
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

// look checks an image whose root could be read.
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

// OK reports whether there is no error. Warnings do not count.
func (r Result) OK() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == diag.Error })
}

// run is the state of one Run.
type run struct {
	req    Request
	result Result
	unread []error // by image: why its executables were not examined
}

// sort sorts the findings by platform. Those without a platform come last. A finding without a severity becomes an error.
func (r *run) sort() {
	for i := range r.result.Findings {
		f := &r.result.Findings[i]
		f.Severity = cmp.Or(f.Severity, diag.Error)
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

// problems turns the documents that could not be read into findings.
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

// owners returns the platforms of images by the digests of the images and of their configurations.
func (r *run) owners() map[string]string {
	names := map[string]string{}
	for _, img := range slices.Backward(r.result.Tree.Images) { // the first one wins
		name := platformOf(img.Descriptor.Platform)
		names[img.Descriptor.Digest.String()] = name
		if img.Body != nil {
			names[img.Manifest.Config.Digest.String()] = name
		}
	}
	return names
}

// otherSize reports whether a document could not be read because its size differs from the descriptor's.
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

// cause returns the core of a registry's answer, without the request.
func cause(err error) error {
	if answer := (*manifest.Error)(nil); errors.As(err, &answer) {
		return answer.Err
	}
	return err
}

// isUnanswered reports whether a registry could not be asked, in contrast to an answer that makes no sense.
func isUnanswered(err error) bool {
	answer := (*manifest.Error)(nil)
	return errors.As(err, &answer) && (answer.Kind != nil || answer.Status != 0)
}

func isMissing(err error) bool {
	return errors.Is(err, manifest.ErrNotFound) || errors.Is(err, errdef.ErrNotFound)
}

// kind returns a word for a descriptor's content. A root of any media type is not a layer.
func (r *run) kind(desc ocispecs.Descriptor) string {
	if desc.Digest == r.req.Root.Digest && manifest.FamilyOf(desc.MediaType) == "" {
		return "root"
	}
	return kind(desc)
}

// kind returns a word for a descriptor's content.
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
