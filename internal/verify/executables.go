package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Executables configures the examination of executables. The zero value has no cache.
type Executables struct {
	gate.Options
	// Cache is the folder for the listings of layers. "" means none.
	Cache string
}

// Examine examines the executables of all images together, for the platforms of their descriptors. It reads each layer once from
// blobs, and keeps only the listing. A finished image does not record its base image, so all layers are read. The results are in
// the order of the images. It leaves out an image with a missing document or without a platform. It fails if a layer could not be
// read.
func (e Executables) Examine(ctx context.Context, images []tree.Image, blobs content.Fetcher) ([]gate.Result, error) {
	x := newExamination(e, images, blobs)
	errs := x.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return x.results, errors.Join(errs...)
}

// Refusal returns a [*gate.RefusedError] with all findings if one of them is an error.
func Refusal(results []gate.Result) error {
	var findings []diag.Diagnostic
	for _, r := range results {
		findings = append(findings, r.Findings...)
	}
	i := slices.IndexFunc(findings, diag.Diagnostic.Refuses)
	if i < 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", findings[i].Platform(), &gate.RefusedError{Findings: findings})
}

// examination is the examination of several images.
type examination struct {
	options gate.Options
	images  []gate.Image // without layers if they cannot be examined
	results []gate.Result
	lister  *layers.Lister

	mu      sync.Mutex
	fetched map[digest.Digest]ocispecs.Descriptor // layers that were opened
}

func newExamination(e Executables, images []tree.Image, blobs content.Fetcher) *examination {
	x := &examination{
		options: e.Options, images: make([]gate.Image, len(images)), results: make([]gate.Result, len(images)), fetched: map[digest.Digest]ocispecs.Descriptor{},
	}
	x.lister = &layers.Lister{Cache: e.Cache, BaseLimit: -1}
	x.lister.Fetch = func(ctx context.Context, desc ocispecs.Descriptor) (io.ReadCloser, error) {
		if len(desc.URLs) > 0 {
			return nil, fmt.Errorf("%w: it is to be fetched from elsewhere", layers.ErrUnknownLayer)
		}
		x.mu.Lock()
		x.fetched[desc.Digest] = desc
		x.mu.Unlock()
		return blobs.Fetch(ctx, desc)
	}
	for i, img := range images {
		if img.ConfigBody != nil && platformOf(img.Descriptor.Platform) != "" && img.Descriptor.Platform.OS != "unknown" {
			x.images[i] = gate.Image{Platform: platform.Normalize(*img.Descriptor.Platform), Config: img.Config, Layers: gate.Layers(img.Manifest.Layers, img.Config)}
		}
	}
	return x
}

// run examines all images. The errors are of layers that could not be read, by image.
func (x *examination) run(ctx context.Context) []error {
	errs := make([]error, len(x.images))
	var group errgroup.Group
	for i, img := range x.images {
		if img.Platform.OS == "" {
			x.results[i].Verdict = gate.NotExamined
			continue
		}
		group.Go(func() error {
			x.results[i], errs[i] = gate.Examine(ctx, img, x.lister, x.options)
			if errs[i] != nil {
				x.results[i].Verdict = gate.NotExamined
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in the slice
	x.same()
	return errs
}

// same adds the findings about layers that several platforms share.
func (x *examination) same() {
	known := slices.DeleteFunc(slices.Clone(x.images), func(img gate.Image) bool { return img.Platform.OS == "" })
	for _, f := range gate.SameLayers(known) {
		i := slices.IndexFunc(x.images, func(img gate.Image) bool {
			return img.Platform.OS != "" && platform.Format(img.Platform) == f.Platform()
		})
		if i >= 0 {
			x.results[i].Findings = append(x.results[i].Findings, f)
		}
	}
}

// whole returns the layers that were read to their end and match their digests. It sends no requests.
func (x *examination) whole(ctx context.Context) map[digest.Digest]bool {
	whole := map[digest.Digest]bool{}
	for d, desc := range x.fetched {
		_, err := x.lister.List(ctx, desc, false)
		whole[d] = err == nil
	}
	return whole
}

// executables examines the executables, and returns the layers that need no further check. It stores the errors of images for the
// end, since a finding may explain them.
func (r *run) executables(ctx context.Context) (whole map[digest.Digest]bool, err error) {
	if r.req.Executables == nil {
		return nil, nil
	}
	x := newExamination(*r.req.Executables, r.result.Tree.Images, r.req.Source)
	r.unread = x.run(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for i, err := range r.unread {
		if isUnanswered(err) && !isMissing(err) {
			return nil, err
		}
		r.result.Tally = append(r.result.Tally, Tally{
			Platform: platformOf(r.result.Tree.Images[i].Descriptor.Platform), Verdict: x.results[i].Verdict, Files: x.results[i].Files,
		})
	}
	for _, res := range x.results {
		r.result.Findings = append(r.result.Findings, res.Findings...)
	}
	r.result.Findings = append(r.result.Findings, gate.Unmatched(x.results)...)
	return x.whole(ctx), nil
}

// unexplained returns why an image was not examined, unless a finding explains it.
func (r *run) unexplained() error {
	for i, err := range r.unread {
		name := platformOf(r.result.Tree.Images[i].Descriptor.Platform)
		if err != nil && !slices.ContainsFunc(r.result.Findings, func(f diag.Diagnostic) bool { return f.Platform() == name && f.Refuses() }) {
			return err
		}
	}
	return nil
}
