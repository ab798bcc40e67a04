package solve

import (
	"context"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/nodeserver"
	"github.com/docker-multiarch/docker-multiarch/internal/pushed"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// finish assembles one index of the images (in the order of the platforms), and delivers it and the files to their destinations.
func finish(ctx context.Context, t task, rep Report, children []index.Child) (Report, error) {
	result, err := t.req.Result(t.targets, children, t.env.Progress.Note)
	if err != nil {
		return rep, err
	}
	rep.Target, result.Native = result.Index.Descriptor, t.env.Nodes[0].Native()
	env := sink.Env{
		Registry: t.env.Registry, Engine: t.env.Engine, Stdout: t.env.Stdout,
		Note: t.env.Progress.Note, During: t.env.during, Moving: t.env.moving, Beside: t.env.beside,
	}
	done, err := sink.Deliver(ctx, t.req.Sinks(env, t.files, result))
	rep.Tags, rep.ByDigest, rep.Loaded, rep.Written = done.Tags, done.ByDigest, done.Loaded, done.Written
	return rep, err
}

// rememberPushes records which images the repositories have. After a failure it forgets that they took any.
func (w task) rememberPushes(results []solved, err error) {
	for _, repo := range w.req.Repositories() {
		if err == nil {
			w.env.Pushed.Add(repo, pushed.Client, nil)
		} else {
			w.env.Pushed.Forget(repo, pushed.Client)
		}
		for _, n := range w.env.Nodes {
			images := map[string]digest.Digest{}
			for _, r := range results {
				if r.err == nil && r.on.node.Name == n.Name && r.key != "" {
					images[r.key] = r.child.Image.Descriptor.Digest
				}
			}
			switch {
			case err != nil:
				w.env.Pushed.Forget(repo, n.ID)
			case len(images) > 0:
				w.env.Pushed.Add(repo, n.ID, images)
			}
		}
	}
}

// beside returns the node of a store, as package nodeserver needs it, if the engine that is loaded is beside it; otherwise nil.
func (e Env) beside(ctx context.Context, layers content.Fetcher) *nodeserver.Node {
	for _, n := range e.Nodes {
		if n.Layers != layers || n.Engine == nil || n.Container == "" {
			continue
		}
		own, err := n.Engine.Info(ctx)
		if err != nil {
			return nil
		}
		if to, err := e.Engine.Info(ctx); err != nil || n.Engine != e.Engine && (own.ID == "" || own.ID != to.ID) {
			return nil
		}
		at := &nodeserver.Node{Engine: e.Engine, Container: n.Container, Image: n.ContainerImage, Blobs: n.BlobsFolder, Machine: load.Machine(own)}
		if own.UserNS {
			at.UserNS = "host" // as BuildKit's container
		}
		return at
	}
	return nil
}
