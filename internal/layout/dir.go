package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/atomicfile"
	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// Staged is an image whose blobs are in a folder, and that its index.json does not name yet.
type Staged struct {
	folder *folder
	image  Image
}

// StageOCIDir writes the blobs of an image into a folder that is, or becomes, an OCI layout. The visible content of the folder
// stays the same until Commit names the image there; until then Abort removes the written files.
//
// A folder that holds a layout already keeps its blobs and its other images; an image of the same name is replaced. Every file
// appears under its name by a rename, and index.json is the last. Two writers take turns, by the lock file that BuildKit's client
// uses as well.
func StageOCIDir(ctx context.Context, dir string, img Image, blobs content.Fetcher) (*Staged, error) {
	s := &Staged{folder: &folder{path: dir, blobs: blobs}, image: img}
	if err := s.folder.fill(ctx, img); err != nil {
		return nil, errors.Join(fmt.Errorf("write an OCI layout to %q: %w", dir, err), s.Abort(ctx))
	}
	return s, nil
}

// Commit names the image. After it, Abort has nothing to remove.
func (s *Staged) Commit(ctx context.Context) error {
	if err := s.folder.name(ctx, s.image, nil); err != nil {
		return fmt.Errorf("write an OCI layout to %q: %w", s.folder.path, err)
	}
	s.folder.made = nil
	return nil
}

// Abort removes the files that were written and not committed, also when ctx is done. If another writer has named an image
// meanwhile, all files stay, since that image may use them.
func (s *Staged) Abort(ctx context.Context) error { return s.folder.undo(ctx) }

// folder is a layout that is being written to.
type folder struct {
	path  string
	blobs content.Fetcher
	made  []string // files and folders that were created, in that order
	index []byte   // index.json as it was before
}

// fill writes the missing blobs.
func (d *folder) fill(ctx context.Context, img Image) error {
	graph, err := Read(ctx, img.Root, d.blobs)
	if err != nil {
		return err
	}
	if err := d.mkdir(d.path); err != nil {
		return err
	}
	if d.index == nil {
		d.index, _ = os.ReadFile(d.file(ocispecs.ImageIndexFile)) // there may be none
	}
	for _, node := range graph.Nodes {
		if err := d.blob(ctx, node.Descriptor); err != nil {
			return err
		}
	}
	for _, blob := range graph.Blobs {
		if err := d.blob(ctx, blob); err != nil {
			return err
		}
	}
	return nil
}

// name puts the image into index.json, unless allow, which may be nil, returns an error for the present entries.
func (d *folder) name(ctx context.Context, img Image, allow func(before []ocispecs.Descriptor) error) (err error) {
	if err := d.mkdir(d.path); err != nil {
		return err
	}
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	before, err := d.entries()
	if err == nil && allow != nil {
		err = allow(before)
	}
	if err != nil {
		return err
	}
	// A writer that failed may have taken back what this one found there.
	if err := d.fill(ctx, img); err != nil {
		return err
	}
	index, err := indexJSON(merge(before, img.entries()))
	if err != nil {
		return err
	}
	if _, err := os.Lstat(d.file(ocispecs.ImageLayoutFile)); errors.Is(err, fs.ErrNotExist) {
		if err := d.put(ocispecs.ImageLayoutFile, layoutJSON()); err != nil {
			return err
		}
	}
	return d.put(ocispecs.ImageIndexFile, index)
}

func (d *folder) file(name string) string { return filepath.Join(d.path, filepath.FromSlash(name)) }

// entries returns the current entries of index.json.
func (d *folder) entries() ([]ocispecs.Descriptor, error) {
	f, _, err := folderFiles(d.path).open(ocispecs.ImageIndexFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := readDocument(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", ocispecs.ImageIndexFile, err)
	}
	index, err := document.Layout(body)
	if err != nil {
		return nil, fmt.Errorf("its %s is broken: %w", ocispecs.ImageIndexFile, err)
	}
	return index.Manifests, nil
}

// merge appends new entries to those that they do not replace: of the same names or, without a name, of the same image.
func merge(before, after []ocispecs.Descriptor) []ocispecs.Descriptor {
	type key struct{ name, ref, digest string }
	keyOf := func(d ocispecs.Descriptor) key {
		k := key{name: d.Annotations[annotationImageName], ref: d.Annotations[ocispecs.AnnotationRefName]}
		if k == (key{}) {
			k.digest = d.Digest.String()
		}
		return k
	}
	replaced := map[key]bool{}
	for _, d := range after {
		replaced[keyOf(d)] = true
	}
	var all []ocispecs.Descriptor
	for _, d := range before {
		if !replaced[keyOf(d)] {
			all = append(all, d)
		}
	}
	return append(all, after...)
}

// blob writes a missing blob. An existing blob of the right size is accepted: names are digests.
func (d *folder) blob(ctx context.Context, desc ocispecs.Descriptor) error {
	if err := desc.Digest.Validate(); err != nil {
		return fmt.Errorf("%q: %w", desc.Digest, err)
	}
	name := d.file(blobPath(desc.Digest))
	if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == desc.Size {
		return nil
	}
	if err := d.mkdir(filepath.Dir(name)); err != nil {
		return err
	}
	return d.write(name, 0o444, func(w io.Writer) error { return copyBlob(ctx, w, desc, d.blobs) })
}

func (d *folder) put(name string, body []byte) error {
	return d.write(d.file(name), 0o644, func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	})
}

// write writes a file, and records a new one.
func (d *folder) write(name string, mode os.FileMode, write func(io.Writer) error) error {
	_, missing := os.Lstat(name)
	if err := atomicfile.Write(name, mode, write); err != nil {
		return err
	}
	if missing != nil {
		d.made = append(d.made, name)
	}
	return nil
}

// mkdir makes a folder and its parents.
func (d *folder) mkdir(name string) error {
	var missing []string
	for dir := filepath.Clean(name); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%q is not a folder", dir)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append([]string{dir}, missing...)
	}
	if err := os.MkdirAll(name, 0o755); err != nil { //nolint:gosec // the user's output is for others to read
		return err
	}
	d.made = append(d.made, missing...)
	return nil
}
