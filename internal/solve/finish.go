package solve

import (
	"context"
	"io"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// finish stitches the images (in the order of the platforms) and gives the result its names. Until here nothing has one, and the
// first half of it only adds what nobody sees: what can fail for want of space or rights has failed before the first name moves.
func finish(ctx context.Context, t task, rep Report, children []child) (Report, error) {
	f := finisher{task: t}
	defer f.discard(ctx)
	if t.req.MakesImages() {
		if err := f.stitch(rep.Missing(), children); err != nil {
			return rep, err
		}
		rep.Target = f.target
	}
	if err := f.prepare(ctx, children); err != nil {
		return rep, err
	}
	return f.name(ctx, rep, children)
}

// finisher is the state of finish: what was stitched, and what lies ready to be named.
type finisher struct {
	task
	target   ocispecs.Descriptor
	body     []byte
	blobs    blobs
	archives []archived
	loading  *load.Staged
}

// archived is an archive before it has its name.
type archived struct {
	file   *pending       // nil for a folder and for standard output
	folder *layout.Staged // nil for anything else
}

// stitch makes what the names will point at. A single platform's own manifest will do, unless more were asked for, or an index was, or
// something needs one.
func (f *finisher) stitch(missing []PlatformReport, children []child) error {
	f.blobs = blobs{layers: f.env.Node.Blobs, own: map[digest.Digest][]byte{}}
	for _, c := range children {
		if c.documents.Buffer != nil {
			f.blobs.documents = append(f.blobs.documents, c.documents)
		}
	}
	if len(f.targets) == 1 && !f.req.Index && !f.req.attested() && !f.req.Annotations.need(OnIndex) && !f.req.Annotations.need(OnManifestDescriptor) {
		f.target, f.body = children[0].image.Descriptor, children[0].image.Body
		return nil
	}
	var all []ocispecs.Descriptor
	for i, desc := range entries(children) {
		desc.Annotations = f.req.Annotations.at(OnManifestDescriptor, &children[i].platform)
		all = append(append(all, desc), children[i].attestations...)
	}
	var err error
	f.target, f.body, err = manifest.Index(all, manifest.IndexOptions{Family: f.req.MediaTypes, Annotations: f.indexAnnotations(missing)})
	f.blobs.own[f.target.Digest] = f.body
	return err
}

// root is the target as an archive's or an engine's list has it.
func (f *finisher) root() ocispecs.Descriptor {
	root := f.target
	root.Annotations = f.req.Annotations.at(OnIndexDescriptor, nil)
	return root
}

// prepare brings everything to where it is to be, without its name: what the registry lacks, the archives beside their destinations.
func (f *finisher) prepare(ctx context.Context, children []child) error {
	for _, c := range children {
		for _, a := range c.attestations {
			for _, repo := range f.req.Repositories() {
				if err := f.env.Registry.Upload(ctx, repo, a, f.blobs); err != nil {
					return &PushError{Err: err}
				}
			}
		}
	}
	for _, a := range f.req.Outputs.Archives {
		if err := f.env.during("writing "+a.Dest, func() error { return f.archive(ctx, a, children) }); err != nil {
			return &OutputError{a.Dest, err}
		}
	}
	if err := f.files.finish(); err != nil {
		return err
	}
	l := f.loadable(children)
	if l == nil {
		return nil
	}
	return f.env.during("sending images to the engine", func() (err error) {
		f.loading, err = load.Stage(ctx, f.env.Engine, load.Request{
			Names: l.Names, Root: f.root(), Blobs: f.blobs, Selection: l.Selection, Note: f.env.Progress.Note,
		})
		return err
	})
}

// archive writes one archive to where it is staged, or to standard output.
func (f *finisher) archive(ctx context.Context, a Archive, children []child) (err error) {
	ready := archived{}
	defer func() { f.archives = append(f.archives, ready) }()
	img := layout.Image{Root: f.root(), Names: a.Names}
	if a.Folder {
		ready.folder, err = layout.StageOCIDir(ctx, a.Dest, img, f.blobs)
		return err
	}
	w := f.env.Stdout
	if a.Dest != stdoutDest {
		if ready.file, err = newPending(ctx, a.Dest); err != nil {
			return err
		}
		w = ready.file
	}
	if err = f.stream(ctx, w, a, img, children); err == nil && ready.file != nil {
		err = ready.file.Close()
	}
	return err
}

func (f *finisher) stream(ctx context.Context, w io.Writer, a Archive, img layout.Image, children []child) error {
	if !a.Docker {
		return layout.WriteOCI(ctx, w, img, f.blobs, nil)
	}
	images, err := f.dockerImages(children, a.Names)
	if err != nil {
		return err
	}
	return layout.WriteDocker(ctx, w, images, f.blobs, nil)
}

// name moves the names, those first that may be refused. What is done is in the report, also when a later one fails.
func (f *finisher) name(ctx context.Context, rep Report, children []child) (Report, error) {
	var err error
	if rep, err = f.publish(ctx, rep, children); err != nil {
		return rep, err
	}
	for i, a := range f.archives {
		dest := f.req.Outputs.Archives[i].Dest
		if err := a.place(ctx); err != nil {
			return rep, &OutputError{dest, err}
		}
		if dest != stdoutDest {
			rep.Written = append(rep.Written, dest)
		}
	}
	if f.loading != nil {
		err := f.env.during("loading images into the engine", func() (err error) {
			rep.Loaded, err = f.loading.Place(ctx)
			return err
		})
		if err != nil {
			return rep, err
		}
	}
	placed, err := f.files.place()
	rep.Written = append(rep.Written, placed...)
	return rep, err
}

// publish moves the registry's tags.
func (f *finisher) publish(ctx context.Context, rep Report, children []child) (Report, error) {
	for _, repo := range f.req.ByDigest {
		f.blobs.own[f.target.Digest] = f.body
		if err := f.env.Registry.Upload(ctx, repo, f.target, f.blobs); err != nil {
			return rep, &PushError{Err: err, Tags: rep.Tags}
		}
		rep.ByDigest = append(rep.ByDigest, repo)
	}
	if len(f.req.Tags) == 0 {
		return rep, nil
	}
	seen := make([]manifest.Image, len(children))
	for i, c := range children {
		seen[i] = c.image
	}
	err := f.env.during("moving the tags", func() (err error) {
		rep.Tags, err = f.env.Registry.Publish(ctx, manifest.PublishRequest{Targets: f.req.Tags, Descriptor: f.target, Body: f.body, Seen: seen})
		return err
	})
	if err != nil {
		return rep, &PushError{Err: err, Tags: rep.Tags}
	}
	return rep, nil
}

// discard removes what was staged and not placed.
func (f *finisher) discard(ctx context.Context) {
	for _, a := range f.archives {
		if a.file != nil {
			a.file.discard()
		}
		if a.folder != nil {
			_ = a.folder.Discard(ctx) // blobs that nothing names are harmless
		}
	}
}

func (a archived) place(ctx context.Context) error {
	switch {
	case a.folder != nil:
		return a.folder.Place(ctx)
	case a.file != nil:
		return a.file.place()
	}
	return nil
}

// dockerImages name the images for an archive that has no index, as a classic engine has them: the node's own platform (else the
// first) has the names themselves, the others have their platform behind the tag.
func (f *finisher) dockerImages(children []child, names []reference.NamedTagged) ([]layout.DockerImage, error) {
	own := max(0, slices.IndexFunc(children, func(c child) bool { return platform.Equal(c.platform, f.env.Node.Native()) }))
	images := make([]layout.DockerImage, len(children))
	for i, c := range children {
		images[i] = layout.DockerImage{Manifest: c.image.Descriptor}
		for _, name := range names {
			if i != own {
				var err error
				if name, err = load.Suffixed(name, c.platform); err != nil {
					return nil, err
				}
			}
			images[i].Names = append(images[i].Names, name)
		}
	}
	return images, nil
}
