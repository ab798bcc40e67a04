package solve

import (
	"context"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
)

// finish assembles one index of the images (in the order of the platforms), and delivers it and the files to their destinations.
func finish(ctx context.Context, t task, rep Report, children []index.Child) (Report, error) {
	result, err := t.req.Result(t.targets, children, t.env.Progress.Note)
	if err != nil {
		return rep, err
	}
	rep.Target, result.Native = result.Index.Descriptor, t.env.Nodes[0].Native()
	env := sink.Env{Registry: t.env.Registry, Engine: t.env.Engine, Stdout: t.env.Stdout, Note: t.env.Progress.Note, During: t.env.during}
	done, err := sink.Deliver(ctx, t.req.Sinks(env, t.files, result))
	rep.Tags, rep.ByDigest, rep.Loaded, rep.Written = done.Tags, done.ByDigest, done.Loaded, done.Written
	return rep, err
}
