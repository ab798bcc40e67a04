package verify

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// statsAtOnce bounds the concurrent requests of one Run.
const statsAtOnce = 8

// need is a blob that an image refers to.
type need struct {
	desc      ocispecs.Descriptor
	platforms []string        // of the images that need it, each once; "" for an artifact
	found     diag.Diagnostic // without a platform; zero if nothing is wrong
}

// blobs checks everything that was not read: layers, statements, and the content of artifacts, each once. A problem with one is a
// finding for each platform that needs it. Blobs in whole are known to be intact and are not checked.
func (r *run) blobs(ctx context.Context, whole map[digest.Digest]bool) error {
	needs := slices.DeleteFunc(r.needs(), func(n *need) bool { return whole[n.desc.Digest] })
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(statsAtOnce)
	for _, n := range needs {
		group.Go(func() error { return n.check(groupCtx, r.req.Source) })
	}
	if err := group.Wait(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	bad := map[digest.Digest]bool{}
	for _, n := range needs {
		if n.found.Found() {
			bad[n.desc.Digest] = true
		}
	}
	r.result.Findings = slices.DeleteFunc(r.result.Findings, func(g diag.Diagnostic) bool { // the same about the layer's content
		return g.Check == gate.CheckLayer && bad[g.Digest]
	})
	for _, n := range needs {
		for _, name := range n.platforms {
			if n.found.Found() {
				r.result.Findings = append(r.result.Findings, about(n.found.Check, name, n.desc.Digest, n.found.Message))
			}
		}
	}
	return nil
}

// blobSet collects needs, each blob once.
type blobSet struct {
	needs []*need // blobs to check, in the order of the images
	blobs map[digest.Digest]*need
}

func (s *blobSet) add(desc ocispecs.Descriptor, platform string) {
	n, known := s.blobs[desc.Digest]
	if !known {
		n = &need{desc: desc}
		s.blobs[desc.Digest] = n
		if len(desc.URLs) == 0 { // a registry need not hold a layer with URLs
			s.needs = append(s.needs, n)
		}
	}
	if !slices.Contains(n.platforms, platform) {
		n.platforms = append(n.platforms, platform)
	}
}

func (s *blobSet) addAll(m ocispecs.Manifest, platform string) {
	for _, desc := range append([]ocispecs.Descriptor{m.Config}, m.Layers...) {
		s.add(desc, platform)
	}
}

// needs returns the blobs that were not read. It counts all documents.
func (r *run) needs() []*need {
	t := r.result.Tree
	manifests := map[digest.Digest]bool{t.Root.Digest: true}
	s := blobSet{blobs: map[digest.Digest]*need{}}
	for _, img := range t.Images {
		name := platformOf(img.Descriptor.Platform)
		manifests[img.Descriptor.Digest] = true
		if img.Body != nil {
			s.blobs[img.Manifest.Config.Digest] = &need{} // it was read, or is a problem already
		}
		for _, layer := range img.Manifest.Layers {
			s.add(layer, name)
		}
		for _, a := range img.Attestations {
			manifests[a.Descriptor.Digest] = true
			if a.Body != nil {
				s.addAll(a.Manifest, name)
			}
		}
	}
	for _, o := range t.Others {
		if manifest.FamilyOf(o.MediaType) == "" {
			s.add(o, "")
			continue
		}
		manifests[o.Digest] = true
		if m, ok := t.Artifacts[o.Digest]; ok {
			s.addAll(m, "")
		}
	}
	r.result.Manifests, r.result.Blobs = len(manifests), len(s.blobs)
	return s.needs
}

// check checks one blob.
func (n *need) check(ctx context.Context, src Source) error {
	found := func(check, text string) error {
		n.found = about(check, "", n.desc.Digest, kind(n.desc)+" "+n.desc.Digest.String()+" "+text)
		return nil
	}
	if err := n.desc.Digest.Validate(); err != nil {
		return found(Broken, "has no digest: "+err.Error())
	}
	size, err := src.Stat(ctx, n.desc)
	switch {
	case err == nil && size != n.desc.Size:
		n.found = about(Size, "", n.desc.Digest, sizeText(n.desc, size))
		return nil
	case err == nil:
		return nil
	case isMissing(err):
		return found(Missing, "is not there")
	case ctx.Err() != nil || isUnanswered(err):
		return err
	}
	return found(Broken, "cannot be read: "+cause(err).Error())
}
