package layout

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/content/oci"
)

// Archive is an OCI layout that is there: a tar file or a folder. It is what Fetch and Exists of its blobs go to; Fetch checks
// nothing.
type Archive struct {
	content.ReadOnlyStorage
	// Images are those that index.json names, in its order, each digest once with all of its names. There is at least one.
	Images []Image

	path string
}

// Open opens the layout at a path, a folder or a tar file without compression. It reads index.json, no image: whether one is
// there whole shows when it is read. The error says what the file is, where that can be told.
func Open(_ context.Context, name string) (*Archive, error) {
	a, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	return a, nil
}

func open(name string) (*Archive, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, reason(err)
	}
	found := map[string][]byte{}
	var storage content.ReadOnlyStorage
	switch {
	case info.IsDir():
		storage = oci.NewStorageFromFS(os.DirFS(name))
		err = readFiles(os.DirFS(name), found)
	case !info.Mode().IsRegular():
		return nil, errors.New("it is neither a file nor a folder; an archive is read more than once, so write it to a file first")
	default:
		if err = scan(name, found); err == nil {
			storage, err = oci.NewStorageFromTar(name)
		}
	}
	if err != nil {
		return nil, err
	}
	a := &Archive{ReadOnlyStorage: storage, path: name}
	return a, a.parse(found)
}

// wanted are the files of a layout beside its blobs, and the one by which a Docker archive is known.
var wanted = []string{ocispecs.ImageLayoutFile, ocispecs.ImageIndexFile, "manifest.json"}

func readFiles(dir fs.FS, found map[string][]byte) error {
	for _, name := range wanted {
		info, err := fs.Stat(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", name) // a pipe would be waited for
		}
		if err != nil {
			return reason(err)
		}
		f, err := dir.Open(name)
		if err != nil {
			return reason(err)
		}
		found[name], err = readDocument(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, reason(err))
		}
	}
	return nil
}

// readDocument reads a file of a layout, which is as large as a manifest at most.
func readDocument(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err == nil && len(body) > maxManifest {
		err = fmt.Errorf("it is larger than %d bytes", maxManifest)
	}
	return body, err
}

// scan goes over a tar file once. It sees whether the file is whole.
func scan(name string, found map[string][]byte) error {
	f, err := os.Open(name)
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	if err := refuseCompressed(f); err != nil {
		return err
	}
	r := tar.NewReader(f)
	for first := true; ; first = false {
		header, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF) && !first:
			return errors.New("it is cut short: copy it again")
		case err != nil:
			return fmt.Errorf("it is no tar archive: %w", err)
		}
		if entry := path.Clean(header.Name); slices.Contains(wanted, entry) {
			found[entry], err = readDocument(r)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("it is cut short in %s: %w", entry, err)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", entry, err)
			}
		}
	}
}

// refuseCompressed knows the first bytes of gzip, zstd, bzip2 and xz.
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
		return errors.New("it is no OCI image layout: it has no file oci-layout")
	}
	var version ocispecs.ImageLayout
	if err := json.Unmarshal(found[ocispecs.ImageLayoutFile], &version); err != nil || version.Version != ocispecs.ImageLayoutVersion {
		return fmt.Errorf("it is an OCI image layout of an unknown version: %.100q", found[ocispecs.ImageLayoutFile])
	}
	body, ok := found[ocispecs.ImageIndexFile]
	if !ok {
		return fmt.Errorf("it has no %s", ocispecs.ImageIndexFile)
	}
	var index ocispecs.Index
	if err := json.Unmarshal(body, &index); err != nil {
		return fmt.Errorf("its %s is broken: %w", ocispecs.ImageIndexFile, err)
	}
	for _, desc := range index.Manifests {
		if isIndex(desc.MediaType) || isManifest(desc.MediaType) {
			a.add(desc)
		}
	}
	if len(a.Images) == 0 {
		return errors.New("there is no image in it")
	}
	return nil
}

func (a *Archive) add(desc ocispecs.Descriptor) {
	i := slices.IndexFunc(a.Images, func(img Image) bool { return img.Root.Digest == desc.Digest })
	if i < 0 {
		i = len(a.Images)
		a.Images = append(a.Images, Image{Root: desc})
	}
	img := &a.Images[i]
	if name := nameOf(desc.Annotations); name != nil && !slices.ContainsFunc(img.Names, func(n reference.NamedTagged) bool {
		return n.String() == name.String()
	}) {
		img.Names = append(img.Names, name)
	}
}

// nameOf is the full name of an entry of index.json: containerd's annotation or, as some tools have it, the reference name. One
// that is a tag only is no name.
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

// reason is an error of a file without its path.
func reason(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
