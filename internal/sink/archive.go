package sink

import (
	"context"
	"io"
	"slices"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/transfer"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Archive is a file, a folder or standard output that receives all images.
type Archive struct {
	// Docker selects the format of docker save instead of an OCI layout.
	Docker bool
	// Dest is a path, or "-" for standard output. Folder writes an OCI layout as a folder instead of a tar archive.
	Dest   string
	Folder bool
	Names  []reference.NamedTagged
}

// Place implements Output.
func (a Archive) Place() string { return "archive " + placeName(a.Dest) }

// HasImages implements Output.
func (a Archive) HasImages() bool { return true }

// Target implements Output.
func (a Archive) Target() (name string, folder bool) { return a.Dest, a.Folder }

func (a Archive) rank() int { return 0 }

func (a Archive) sink(env Env, r Result) Sink {
	if a.Folder {
		return &archiveFolder{env: env, result: r, Archive: a}
	}
	return &archiveFile{env: env, result: r, Archive: a}
}

// archiveFile writes all images into a file, or to standard output.
type archiveFile struct {
	env    Env
	result Result
	Archive
	file *pending // nil for standard output
}

func (a *archiveFile) Prepare(ctx context.Context) error {
	return written(a.env, a.Dest, func(m *transfer.Meter) (err error) {
		m.Expect(a.result.layers()...)
		blobs := m.Through(a.result.Index.Blobs)
		if a.Dest == Stdout {
			return a.write(ctx, a.env.Stdout, blobs)
		}
		if a.file, err = newPending(ctx, a.Dest); err != nil {
			return err
		}
		if err = a.write(ctx, a.file, blobs); err == nil {
			err = a.file.Close()
		}
		if err == nil && !a.file.inPlace {
			if archive, err := layout.Open(ctx, a.file.Name()); err == nil {
				a.result.arrived(archive)
			}
		}
		return err
	})
}

func (a *archiveFile) write(ctx context.Context, w io.Writer, blobs content.Fetcher) error {
	if !a.Docker {
		return layout.WriteOCI(ctx, w, layout.Image{Root: a.result.Root, Names: a.Names}, blobs, nil)
	}
	images, err := a.dockerImages()
	if err != nil {
		return err
	}
	return layout.WriteDocker(ctx, w, images, blobs, nil)
}

// dockerImages names the images for an archive without an index, as a classic engine has them. The node's own platform (else the first) has
// the names as they are, the others have their platform appended to the tag.
func (a *archiveFile) dockerImages() ([]layout.DockerImage, error) {
	children := a.result.Children
	own := max(0, slices.IndexFunc(a.result.platforms(), func(p platform.Platform) bool { return platform.Equal(p, a.result.Native) }))
	images := make([]layout.DockerImage, len(children))
	for i, c := range children {
		images[i] = layout.DockerImage{Manifest: c.Image.Descriptor}
		for _, name := range a.Names {
			if i != own {
				var err error
				if name, err = load.Suffixed(name, c.Platform); err != nil {
					return nil, err
				}
			}
			images[i].Names = append(images[i].Names, name)
		}
	}
	return images, nil
}

func (a *archiveFile) Commit(_ context.Context, done *Done) error {
	if a.file == nil {
		return nil
	}
	if err := a.file.commit(); err != nil {
		return &OutputError{a.Dest, err}
	}
	done.Written = append(done.Written, a.Dest)
	return nil
}

func (a *archiveFile) Abort(context.Context) {
	if a.file != nil {
		a.file.abort()
	}
}

// archiveFolder writes all images into a folder, as an OCI layout.
type archiveFolder struct {
	env    Env
	result Result
	Archive
	staged *layout.Staged
}

func (a *archiveFolder) Prepare(ctx context.Context) error {
	return written(a.env, a.Dest, func(m *transfer.Meter) (err error) {
		m.Expect(a.result.layers()...)
		a.staged, err = layout.StageOCIDir(ctx, a.Dest, layout.Image{Root: a.result.Root, Names: a.Names}, m.Through(a.result.Index.Blobs))
		if err == nil {
			a.result.arrived(layout.NewFolder(a.Dest))
		}
		return err
	})
}

func (a *archiveFolder) Commit(ctx context.Context, done *Done) error {
	if err := a.staged.Commit(ctx); err != nil {
		return &OutputError{a.Dest, err}
	}
	done.Written = append(done.Written, a.Dest)
	return nil
}

func (a *archiveFolder) Abort(ctx context.Context) {
	if a.staged != nil {
		_ = a.staged.Abort(ctx) // blobs without a reference are harmless
	}
}

// written runs the writing of an output, and shows it while it lasts.
func written(env Env, dest string, work func(*transfer.Meter) error) error {
	if err := env.Moving("writing "+dest, work); err != nil {
		return &OutputError{dest, err}
	}
	return nil
}
