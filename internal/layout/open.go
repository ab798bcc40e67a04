package layout

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// Archive is an existing OCI layout: a tar file or a folder. Fetch, Stat and Check are for its blobs.
type Archive struct {
	// Images are those that index.json names, in its order, each digest once with all of its names. There is at least one.
	Images []Image

	path  string
	files files
	right sync.Map // of known: blobs that were read to their end and match their digests
}

// BrokenError means that a layout is incomplete or invalid.
type BrokenError struct{ Err error }

func (e *BrokenError) Error() string { return e.Err.Error() }
func (e *BrokenError) Unwrap() error { return e.Err }

// Open opens the layout at a path, a folder or a tar file without compression. It reads index.json and no image: whether an image
// is complete shows when it is read. The error names the kind of the file, where it is known; the error for an incomplete layout
// is a [*BrokenError].
func Open(ctx context.Context, name string) (*Archive, error) {
	a, err := open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	return a, nil
}

func open(ctx context.Context, name string) (*Archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, reason(err)
	}
	a := &Archive{path: name}
	var found map[string][]byte
	switch {
	case info.IsDir():
		a.files = folderFiles(name)
		found, err = readFiles(a.files)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is neither a file nor a folder; an archive is read more than once, so write it to a file first")
	default:
		s := scanner{found: map[string][]byte{}, spans: map[string]span{}}
		err = s.file(ctx, name)
		a.files, found = &tarFiles{path: name, spans: s.spans}, s.found
	}
	if err != nil {
		return nil, err
	}
	return a, a.parse(found)
}

// layoutFiles are the files of a layout beside its blobs, and the one that identifies a Docker archive.
var layoutFiles = []string{ocispecs.ImageLayoutFile, ocispecs.ImageIndexFile, "manifest.json"}

func readFiles(dir files) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, name := range layoutFiles {
		f, _, err := dir.open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[name], err = readDocument(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, reason(err))
		}
	}
	return found, nil
}

// readDocument reads a file of a layout, at most as large as a manifest.
func readDocument(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, document.MaxBytes+1))
	if err == nil && len(body) > document.MaxBytes {
		err = fmt.Errorf("it is larger than %d bytes", document.MaxBytes)
	}
	return body, err
}

// refuseCompressed recognises the first bytes of gzip, zstd, bzip2 and xz.
func refuseCompressed(f *os.File) error {
	head := make([]byte, 6)
	n, err := io.ReadFull(f, head)
	if n == 0 {
		return errors.New("it is empty")
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return reason(err)
	}
	for magic, tool := range map[string]string{
		"\x1f\x8b": "gzip -d", "\x28\xb5\x2f\xfd": "zstd -d", "BZh": "bzip2 -d", "\xfd7zXZ\x00": "xz -d",
	} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return fmt.Errorf("it is compressed: decompress it first (%s)", tool)
		}
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// parse reads the files of the layout.
func (a *Archive) parse(found map[string][]byte) error {
	if _, ok := found[ocispecs.ImageLayoutFile]; !ok {
		if _, ok := found["manifest.json"]; ok {
			return errors.New("it is an archive of `docker save` without an OCI layout: `docker load` reads it, or save it with a newer engine")
		}
		return errors.New("it is not an OCI image layout: it has no file oci-layout")
	}
	var version ocispecs.ImageLayout
	if err := json.Unmarshal(found[ocispecs.ImageLayoutFile], &version); err != nil || version.Version != ocispecs.ImageLayoutVersion {
		return fmt.Errorf("it is an OCI image layout of an unknown version: %.100q", found[ocispecs.ImageLayoutFile])
	}
	body, ok := found[ocispecs.ImageIndexFile]
	if !ok {
		return &BrokenError{fmt.Errorf("it has no %s", ocispecs.ImageIndexFile)}
	}
	index, err := document.Layout(body)
	if err != nil {
		return &BrokenError{fmt.Errorf("its %s is broken: %w", ocispecs.ImageIndexFile, err)}
	}
	places := map[digest.Digest]int{}
	for _, desc := range index.Manifests {
		if isIndex(desc.MediaType) || isManifest(desc.MediaType) {
			a.add(desc, places)
		}
	}
	if len(a.Images) == 0 {
		return &BrokenError{errors.New("there is no image in it")}
	}
	return nil
}

// add joins an entry of index.json with the others of its digest.
func (a *Archive) add(desc ocispecs.Descriptor, places map[digest.Digest]int) {
	i, ok := places[desc.Digest]
	if !ok {
		i = len(a.Images)
		places[desc.Digest] = i
		a.Images = append(a.Images, Image{Root: desc})
	}
	img := &a.Images[i]
	if ref := desc.Annotations[ocispecs.AnnotationRefName]; ref != "" && !slices.Contains(img.refs, ref) {
		img.refs = append(img.refs, ref)
	}
	if name := nameOf(desc.Annotations); name != nil && !slices.ContainsFunc(img.Names, func(n reference.NamedTagged) bool {
		return n.String() == name.String()
	}) {
		img.Names = append(img.Names, name)
	}
}

// nameOf returns the full name of an entry of index.json: containerd's annotation or, as some tools write it, the reference name.
// A tag alone is not a name.
func nameOf(annotations map[string]string) reference.NamedTagged {
	for _, text := range []string{annotations[annotationImageName], annotations[ocispecs.AnnotationRefName]} {
		if !strings.ContainsAny(text, ":/") {
			continue
		}
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			continue
		}
		if tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged); ok {
			return tagged
		}
	}
	return nil
}

// reason returns an error of a file without its path.
func reason(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
