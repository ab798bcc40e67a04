package solve

import (
	"context"

	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
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
	env := sink.Env{Registry: t.env.Registry, Engine: t.env.Engine, Stdout: t.env.Stdout, Note: t.env.Progress.Note, During: t.env.during, Moving: t.env.moving}
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
