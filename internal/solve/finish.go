package solve

import (
	"context"
	"strings"

	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/sink"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// finish makes one index of the images (in the order of the platforms) and delivers it, and the files, to where they are to be.
func finish(ctx context.Context, t task, rep Report, children []index.Child) (Report, error) {
	result := sink.Result{Children: children, Native: t.env.Nodes[0].Native()}
	if t.req.MakesImages() {
		var err error
		if result.Index, err = t.assemble(rep.Missing(), children); err != nil {
			return rep, err
		}
		rep.Target, result.Root = result.Index.Descriptor, result.Index.Descriptor
		result.Root.Annotations = t.req.Annotations.At(index.OnIndexDescriptor, nil)
	}
	env := sink.Env{Registry: t.env.Registry, Engine: t.env.Engine, Stdout: t.env.Stdout, Note: t.env.Progress.Note, During: t.env.during}
	to := sink.Registries{Tags: t.req.Tags, ByDigest: t.req.ByDigest}
	done, err := sink.Deliver(ctx, t.req.Outputs.Sinks(env, to, t.files, result))
	rep.Tags, rep.ByDigest, rep.Loaded, rep.Written = done.Tags, done.ByDigest, done.Loaded, done.Written
	return rep, err
}

// assemble makes what the names will point at. A single platform's own manifest will do, unless more were asked for, or an index was, or
// something needs one.
func (t task) assemble(missing []PlatformReport, children []index.Child) (index.Index, error) {
	as := t.req.Annotations
	if len(t.targets) == 1 && !t.req.Index && !t.req.attested() && !as.Has(index.OnIndex) && !as.Has(index.OnManifestDescriptor) {
		return children[0].Alone(), nil
	}
	return index.Assemble(index.Parts(children, as), manifest.IndexOptions{Family: t.req.MediaTypes, Annotations: t.indexAnnotations(missing)})
}

// indexAnnotations are those of the index. A Docker manifest list has none.
func (t task) indexAnnotations(missing []PlatformReport) map[string]string {
	all := t.req.Annotations.At(index.OnIndex, nil)
	if len(missing) == 0 {
		return all
	}
	names := make([]string, len(missing))
	for i, p := range missing {
		names[i] = platform.Format(p.Platform)
	}
	if t.req.MediaTypes == manifest.Docker {
		t.env.Progress.Note("warning: a Docker manifest list has no annotations, so it does not say that it lacks " + strings.Join(names, ", "))
		return all
	}
	if all == nil {
		all = map[string]string{}
	}
	all[manifest.MissingPlatforms] = strings.Join(names, ",")
	return all
}
