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

// These are the checks of this package. The others are package gate's. Programs compare the texts, so they do not change.
const (
	Missing     = "missing"     // something that the image needs does not exist
	Broken      = "broken"      // content does not match its digest, or is not a document of its kind
	Size        = "size"        // the size differs from the descriptor's
	MediaType   = "media-type"  // a descriptor's media type differs from the content's
	Platform    = "platform"    // an entry's platform differs from the configuration's, or is missing or misspelled
	Layers      = "layers"      // the manifest and the configuration have different layers
	Duplicate   = "duplicate"   // two images for one platform
	Attestation = "attestation" // an attestation about nothing in the index
	Expected    = "expect"      // a platform is missing, or unexpected
)

// Tally is the outcome of examining an image's executables.
type Tally struct {
	Platform string
	Verdict  gate.Verdict
	Files    int // number of examined executables
}

// Result is the outcome of [Run].
type Result struct {
	Tree     tree.Tree
	Findings []diag.Diagnostic
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
		err = r.inspect(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	r.sort()
	return r.result, r.unexplained()
}

// inspect checks an image whose root could be read.
func (r *run) inspect(ctx context.Context) error {
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
	return !slices.ContainsFunc(r.Findings, diag.Diagnostic.Refuses)
}

// run is the state of one Run.
type run struct {
	req    Request
	result Result
	unread []error // by image: why its executables were not examined
}

// sort sorts the findings by platform. Those without a platform come last.
func (r *run) sort() {
	images := r.result.Tree.Images
	ranks := map[string]int{"": len(images) + 1}
	for i, img := range slices.Backward(images) {
		if name := platformOf(img.Descriptor.Platform); name != "" {
			ranks[name] = i
		}
	}
	rank := func(f diag.Diagnostic) int {
		if i, ok := ranks[f.Platform()]; ok {
			return i
		}
		return len(images)
	}
	slices.SortStableFunc(r.result.Findings, func(a, b diag.Diagnostic) int { return rank(a) - rank(b) })
}

// problems turns the documents that could not be read into findings.
func (r *run) problems(ctx context.Context, problems []tree.Problem) error {
	owners := r.owners()
	for _, p := range problems {
		name := cmp.Or(platformOf(p.Descriptor.Platform), owners[p.Descriptor.Digest.String()])
		if owner, ok := owners[tree.Subject(p.Descriptor)]; ok && manifest.IsAttestation(p.Descriptor) {
			name = owner
		}
		f := about(Broken, name, p.Descriptor.Digest, p.Err.Error())
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
func (r *run) otherSize(ctx context.Context, desc ocispecs.Descriptor, f *diag.Diagnostic) bool {
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

// about returns a diagnostic about a document of a platform; "" is none.
func about(check, platform string, document digest.Digest, message string) diag.Diagnostic {
	d := diag.Diagnostic{Check: check, Severity: diag.Error, Content: diag.Content{Digest: document}, Message: message}
	if platform != "" {
		d.Platforms = []string{platform}
	}
	return d
}

func platformOf(p *ocispecs.Platform) string {
	if p == nil || p.OS == "" && p.Architecture == "" {
		return ""
	}
	return platform.Format(*p)
}
