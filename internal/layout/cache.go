package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// Folder is a layout in a folder, as BuildKit's client keeps local build caches: by tags, and with a lock for its blobs
// (client/ociindex and client/solve.go of BuildKit). It need not exist yet. Its content is not trusted.
type Folder struct {
	Archive // without Images
	dir     folder
}

// NewFolder returns the layout at a path.
func NewFolder(path string) *Folder {
	return &Folder{Archive{path: path, files: folderFiles(path)}, folder{path: path}}
}

// Exists reports whether there is a blob of the descriptor's size.
func (f *Folder) Exists(ctx context.Context, desc ocispecs.Descriptor) (bool, error) {
	size, err := f.Stat(ctx, desc)
	return err == nil && size == desc.Size, nil
}

// Tagged returns the descriptor under a tag; a zero one if there is none. A full name comes before a tag, as in BuildKit's client.
func (f *Folder) Tagged(tag string) (ocispecs.Descriptor, error) {
	entries, err := f.dir.entries()
	if err != nil {
		return ocispecs.Descriptor{}, fmt.Errorf("read %q: %w", f.path, err)
	}
	return tagged(entries, tag), nil
}

func tagged(entries []ocispecs.Descriptor, tag string) ocispecs.Descriptor {
	for _, key := range []string{annotationImageName, ocispecs.AnnotationRefName} {
		for _, d := range entries {
			if d.Annotations[key] == tag {
				return d
			}
		}
	}
	return ocispecs.Descriptor{}
}

// Tag moves a tag, if allow returns no error for what it names at that moment. Documents that are missing come from blobs; all else has to
// be in the folder. Until the last step, which replaces index.json, the folder has what it had before.
func (f *Folder) Tag(ctx context.Context, tag string, root ocispecs.Descriptor, blobs content.Fetcher, allow func(now digest.Digest) error) error {
	d := folder{path: f.path, blobs: blobs}
	return d.name(ctx, Image{Root: root, refs: []string{tag}}, func(before []ocispecs.Descriptor) error {
		return allow(tagged(before, tag).Digest)
	})
}

// Lend makes blobs of the folder blobs of another one as well, without a copy. A blob that cannot be lent is left out.
func (f *Folder) Lend(ctx context.Context, to string, blobs ...ocispecs.Descriptor) {
	for _, desc := range blobs {
		if there, _ := f.Exists(ctx, desc); there {
			name := filepath.FromSlash(blobPath(desc.Digest))
			_ = os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755) //nolint:gosec // as BuildKit's client makes it
			_ = os.Link(filepath.Join(f.path, name), filepath.Join(to, name))
		}
	}
}

// Take moves blobs here from a folder of the same file system.
func (f *Folder) Take(from string, blobs ...ocispecs.Descriptor) error {
	for _, desc := range blobs {
		if err := desc.Digest.Validate(); err != nil {
			return fmt.Errorf("%q: %w", desc.Digest, err)
		}
		name := filepath.FromSlash(blobPath(desc.Digest))
		to := filepath.Join(f.path, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // as BuildKit's client makes it
			return err
		}
		if err := os.Rename(filepath.Join(from, name), to); err != nil {
			return err
		}
	}
	return nil
}

// blobsLock is the file by which BuildKit's client keeps blobs that have no name yet from being removed.
const blobsLock = "cache.lock"

// Keep keeps other programs from removing blobs that have no name yet, until release is called.
func (f *Folder) Keep(ctx context.Context) (release func() error, err error) {
	lock := flock.New(filepath.Join(f.path, blobsLock))
	if _, err := lock.TryRLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %q: %w", lock.Path(), err), lock.Close())
	}
	return lock.Close, nil
}

// Clean removes the blobs that nothing in index.json needs, as BuildKit's client does for reset=true. It removes nothing while another
// program writes, or if it cannot read everything that has a name.
func (f *Folder) Clean(ctx context.Context) (err error) {
	lock := flock.New(filepath.Join(f.path, blobsLock))
	defer func() { err = errors.Join(err, lock.Close()) }()
	if locked, err := lock.TryLock(); err != nil || !locked {
		return errors.Join(fmt.Errorf("%q is in use", f.path), err)
	}
	entries, err := f.dir.entries()
	if err != nil {
		return err
	}
	needed := map[string]bool{}
	for _, d := range entries {
		if err := f.need(ctx, d, needed, 0); err != nil {
			return err
		}
	}
	return filepath.WalkDir(filepath.Join(f.path, "blobs"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(f.path, name)
		if err == nil && !needed[filepath.ToSlash(rel)] {
			err = os.Remove(name) //nolint:gosec // the folder is the user's own
		}
		return err
	})
}

// need adds the names of a blob's file and of those that it needs.
func (f *Folder) need(ctx context.Context, desc ocispecs.Descriptor, needed map[string]bool, depth int) error {
	name, err := nameOfBlob(desc)
	if err != nil || needed[name] {
		return err
	}
	needed[name] = true
	var parts []ocispecs.Descriptor
	switch {
	case depth > document.MaxDepth:
		return fmt.Errorf("more than %d nested indexes", document.MaxDepth)
	case isIndex(desc.MediaType):
		// The index of a cache lists layers, of which there may be more than an image's has entries.
		if err := document.CheckSize(desc.Size); err != nil {
			return err
		}
		body, err := fetchAll(ctx, desc, f)
		if err != nil {
			return err
		}
		index, err := document.Layout(body)
		if err != nil {
			return err
		}
		parts = index.Manifests
	case isManifest(desc.MediaType):
		node, err := readNode(ctx, desc, f)
		if err != nil {
			return err
		}
		parts = append(node.Layers, node.Config)
	}
	for _, part := range parts {
		if err := f.need(ctx, part, needed, depth+1); err != nil {
			return err
		}
	}
	return nil
}
