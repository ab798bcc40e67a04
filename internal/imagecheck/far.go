package imagecheck

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/gate"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/layers"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/listing"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/onnode"
	"github.com/docker-multiarch/docker-multiarch/internal/gate/rootfs"
)

// listerOf returns what lists the layers of an image.
func (c *Checker) listerOf(img gate.Image) rootfs.Lister {
	if c.env.Far == nil {
		return c.lister
	}
	l := &farLister{Checker: c, image: onnode.Image{DiffIDs: img.Config.RootFS.DiffIDs}}
	for i, layer := range img.Layers {
		l.image.Layers = append(l.image.Layers, layer.Descriptor)
		if layer.Base {
			l.base = append(l.base, i)
		} else {
			l.added = append(l.added, i)
		}
	}
	return l
}

// farLister lists layers of an image that a node which is not near has made. The node lists all added ones at once, and all of the base image
// once one of them is needed. Both are tried once; what the node does not list is read.
type farLister struct {
	*Checker
	image               onnode.Image
	added, base         []int // by index
	addedOnce, baseOnce sync.Once
}

// List implements [rootfs.Lister].
func (l *farLister) List(ctx context.Context, desc ocispecs.Descriptor, limited bool) (*listing.Listing, error) {
	if slices.ContainsFunc(l.added, func(i int) bool { return l.image.Layers[i].Digest == desc.Digest }) {
		l.addedOnce.Do(func() {
			l.fill(l.added, func(which []int) map[digest.Digest]layers.Made { return l.ofAdded(ctx, which) })
		})
	} else {
		l.baseOnce.Do(func() {
			l.fill(l.base, func(which []int) map[digest.Digest]layers.Made { return l.ofBase(ctx, which) })
		})
	}
	return l.lister.List(ctx, desc, limited)
}

// fill has the node list those layers that are not known yet.
func (l *farLister) fill(of []int, list func(which []int) map[digest.Digest]layers.Made) {
	var descs []ocispecs.Descriptor
	for _, i := range of {
		descs = append(descs, l.image.Layers[i])
	}
	l.lister.Fill(descs, func(missing []digest.Digest) map[digest.Digest]layers.Made {
		return list(slices.DeleteFunc(slices.Clone(of), func(i int) bool { return !slices.Contains(missing, l.image.Layers[i].Digest) }))
	})
}

// ofAdded lists layers that the build has made. If the base image is not on the node, the node knows those that were made without it.
func (l *farLister) ofAdded(ctx context.Context, which []int) map[digest.Digest]layers.Made {
	made, err := l.env.Far.List(ctx, l.image, which)
	if err != nil && len(l.base) > 0 && ctx.Err() == nil && !errors.Is(err, onnode.ErrNoProgram) {
		if apart, err2 := l.env.Far.ListApart(ctx, l.image, which); err2 == nil {
			return apart
		}
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, onnode.ErrNoProgram) {
		l.unable.Do(func() {
			l.env.Note(diag.Notef(
				"the node does not list the files of its layers, so they are read through the connection to examine the executables: %s", onnode.Reason(err),
			))
		})
	}
	return made
}

// ofBase lists layers of the base image. A node that has not fetched it cannot, which is nothing to say.
func (l *farLister) ofBase(ctx context.Context, which []int) map[digest.Digest]layers.Made {
	made, _ := l.env.Far.List(ctx, l.image, which)
	return made
}
