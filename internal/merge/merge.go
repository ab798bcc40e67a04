package merge

import (
	"context"
	"fmt"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// Merge joins the images of all inputs into one index, and moves the tags to it once every repository has all content.
//
// Before any write it refuses two images for one platform ([*DuplicateError]), unexpected or missing platforms ([*ExpectError]),
// images that cannot be converted ([*ConvertError]), and images that the request's Examine refuses. An error of a registry that
// is written to is an [*index.PushError]. The result then lists the tags that moved.
func Merge(ctx context.Context, req Request) (Result, error) {
	req = req.withDefaults()
	if req.Onto != nil {
		return add(ctx, req)
	}
	p, err := examined(ctx, req, nil)
	if err != nil || req.DryRun {
		return p.result, err
	}
	if p.incomplete() {
		p.req.Looks = nil
	}
	if err := p.transfer(ctx); err != nil {
		return p.result, err
	}
	return p.publish(ctx, func(tag reference.NamedTagged, now digest.Digest) error {
		if req.NoClobber && now != "" && now != p.result.Target.Digest {
			return taken(tag, now)
		}
		return nil
	})
}

// plan is an index before it is written.
type plan struct {
	req    Request
	all    []entry
	index  index.Index
	result Result
}

// newPlan joins the inputs with the images of a tag, if base is not nil.
func newPlan(req Request, base *Input) (plan, error) {
	p := plan{req: req}
	var err error
	if p.all, err = join(req.Inputs, req.Note); err != nil {
		return p, err
	}
	var kept []entry
	if base != nil {
		if kept, err = join([]Input{*base}, req.Note); err != nil {
			return p, err
		}
		p.all = over(kept, p.all)
	}
	if err = expect(p.all, req.Expect); err != nil {
		return p, err
	}
	p.annotate()
	annotations := p.indexAnnotations(base)
	family := familyFor(p.all, req.Family, len(annotations) > 0)
	if p.all, err = convert(p.all, family, req.Note); err != nil {
		return p, err
	}
	if family == manifest.Docker {
		annotations = nil
	}
	if p.index, err = index.Assemble(p.parts(), manifest.IndexOptions{Family: family, Annotations: annotations}); err != nil {
		return p, err
	}
	p.result.Target, p.result.Body, p.result.Images = p.index.Descriptor, p.index.Body, p.images()
	return p, nil
}

// examined returns a plan whose images have passed the examination. Images that the tag has already are not examined.
func examined(ctx context.Context, req Request, base *Input) (plan, error) {
	p, err := newPlan(req, base)
	if err != nil || req.Examine == nil {
		return p, err
	}
	var images []tree.Image
	for _, e := range p.all {
		if !e.kept {
			images = append(images, e.Image)
		}
	}
	if err := req.Examine(ctx, images, p.index.Blobs); err != nil {
		return plan{}, err
	}
	return p, nil
}

// incomplete reports whether content is missing in a repository.
func (p plan) incomplete() bool {
	return slices.ContainsFunc(index.Repositories(p.req.targets()), func(repo reference.Named) bool {
		return slices.ContainsFunc(p.all, func(e entry) bool { return !e.in(repo) })
	})
}

// transfer copies missing content to each repository. A repository that all images were read from needs none.
func (p plan) transfer(ctx context.Context) error {
	if err := p.ask(ctx); err != nil {
		return err
	}
	for _, repo := range index.Repositories(p.req.targets()) {
		if !slices.ContainsFunc(p.all, func(e entry) bool { return !e.in(repo) }) {
			continue
		}
		for _, e := range p.all {
			if e.from.Repo != nil && reference.Domain(e.from.Repo) == reference.Domain(repo) {
				p.req.Registry.Remember(e.from.Repo, e.blobs()...)
			}
		}
		if err := p.index.Upload(ctx, p.req.Registry, repo); err != nil {
			return &index.PushError{Err: err, Tags: p.result.Tags}
		}
	}
	return p.check(ctx)
}

// check verifies the digests of all content of archives, including blobs that the repositories had already.
func (p plan) check(ctx context.Context) error {
	for _, e := range p.all {
		archive, ok := e.from.Blobs.(*layout.Archive)
		if !ok {
			continue
		}
		blobs := slices.DeleteFunc(e.blobs(), func(d ocispecs.Descriptor) bool { return len(d.URLs) > 0 })
		if err := archive.Check(ctx, blobs...); err != nil {
			return fmt.Errorf("%q: %w", e.from.Name, err)
		}
	}
	return nil
}

// ask checks that the repositories accept a push, if one could be written to before another one refuses.
func (p plan) ask(ctx context.Context) error {
	repos := index.Repositories(p.req.targets())
	if len(repos) == 1 && !slices.ContainsFunc(p.all, func(e entry) bool { return !e.in(repos[0]) }) {
		return nil
	}
	group, groupCtx := errgroup.WithContext(ctx)
	notes := make([]string, len(repos))
	for i, repo := range repos {
		group.Go(func() (err error) {
			notes[i], err = p.req.Registry.CheckPush(groupCtx, repo)
			return err
		})
	}
	err := group.Wait()
	for _, note := range notes {
		if note != "" {
			p.req.Note(note)
		}
	}
	return err
}

// publish moves the tags. Content that was read from a repository is known to exist. Content that was copied to it is looked up: some
// registries answer 201 and lose a manifest.
func (p plan) publish(ctx context.Context, allow func(reference.NamedTagged, digest.Digest) error) (Result, error) {
	var seen []manifest.Image
	for _, repo := range index.Repositories(p.req.targets()) {
		for _, e := range p.all {
			if !e.in(repo) {
				continue
			}
			for _, child := range index.Entries([]index.Part{e.part()}) {
				seen = append(seen, manifest.Image{Repository: repo, Descriptor: child})
			}
		}
	}
	var refusal error
	var err error
	p.result.Tags, err = p.index.Publish(ctx, p.req.Registry, manifest.PublishRequest{
		Targets: p.req.targets(), Seen: seen, Looks: p.req.Looks,
		Allow: func(tag reference.NamedTagged, now digest.Digest) error {
			refusal = allow(tag, now)
			return refusal
		},
	})
	switch {
	case refusal != nil:
		return p.result, refusal
	case err != nil:
		return p.result, &index.PushError{Err: err, Tags: p.result.Tags}
	}
	return p.result, nil
}

// parts returns the images as parts of the index.
func (p plan) parts() []index.Part {
	parts := make([]index.Part, len(p.all))
	for i, e := range p.all {
		parts[i] = e.part()
	}
	return parts
}
