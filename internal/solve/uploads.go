package solve

import (
	"context"
	"slices"
	"sync"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/buildkitmsg"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// uploads keeps two solves from uploading a layer at the same time. BuildKit sends a layer once for each push that finds it missing, and
// some registries refuse a blob that is being uploaded. So a solve begins to push when no other one is uploading a layer of its image. It
// holds nothing while it waits, and a solve that pushes waits for nothing.
type uploads struct {
	layers map[digest.Digest]bool // those that several platforms share; see graph.Layers

	mu      sync.Mutex
	pushing map[digest.Digest]bool // true: being uploaded; false: in the registry
	changed chan struct{}          // closed when an upload has ended
}

// newUploads returns nil if no solve has to wait: nothing is pushed, or no layer is shared. Nothing waits either if the platforms' archives
// are joined, since BuildKit pushes once all exports of a solve are made, and each archive waits for the others.
func newUploads(d sink.Delivery, graphs []graph.Graph) *uploads {
	shared := graph.SharedLayers(graphs...)
	joined := slices.ContainsFunc(d.Outputs.Files(), func(f sink.Files) bool { return f.Tar })
	if !d.Pushes() || joined || len(shared) == 0 {
		return nil
	}
	return &uploads{layers: shared, pushing: map[digest.Digest]bool{}, changed: make(chan struct{})}
}

// of returns the layers of a graph that other platforms have as well.
func (u *uploads) of(g graph.Graph) []digest.Digest {
	if u == nil {
		return nil
	}
	return slices.DeleteFunc(g.Layers(), func(layer digest.Digest) bool { return !u.layers[layer] })
}

// begin waits until none of the layers is being uploaded, and begins to upload those that are not in the registry.
func (u *uploads) begin(ctx context.Context, layers []digest.Digest) error {
	for {
		u.mu.Lock()
		busy := slices.ContainsFunc(layers, func(layer digest.Digest) bool { return u.pushing[layer] })
		if !busy {
			for _, layer := range layers {
				if _, known := u.pushing[layer]; !known {
					u.pushing[layer] = true
				}
			}
		}
		changed := u.changed
		u.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// end ends the uploads of the layers, with or without success.
func (u *uploads) end(layers []digest.Digest, pushed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, layer := range layers {
		if pushed {
			u.pushing[layer] = false
		} else if u.pushing[layer] {
			delete(u.pushing, layer)
		}
	}
	close(u.changed)
	u.changed = make(chan struct{})
}

// push is one solve's part in the uploads.
type push struct {
	repositories int

	mu      sync.Mutex
	uploads *uploads
	own     []digest.Digest // the shared layers that it uploads
	named   map[string]bool // the repositories that have all layers
}

// begin waits for the solve's turn to push its image.
func (p *push) begin(ctx context.Context, u *uploads, g graph.Graph) error {
	layers := u.of(g)
	if len(layers) == 0 {
		return nil
	}
	if err := u.begin(ctx, layers); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uploads, p.own = u, layers
	return nil
}

// see ends the solve's turn as soon as its layers are in all repositories. BuildKit pushes to one after the other.
func (p *push) see(msg *client.SolveStatus) {
	for _, s := range msg.Statuses {
		if repository, ok := buildkitmsg.PushesManifest(s.ID); ok && p.layersIn(repository) {
			p.end(true)
		}
	}
}

// layersIn notes that a repository has the layers, and reports whether all have them.
func (p *push) layersIn(repository string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.named == nil {
		p.named = map[string]bool{}
	}
	p.named[repository] = true
	return len(p.named) == p.repositories
}

// end ends the solve's turn. Only the first call counts.
func (p *push) end(pushed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uploads != nil {
		p.uploads.end(p.own, pushed)
		p.uploads = nil
	}
}
