package localbase

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/document"
)

// layout is a folder that becomes an OCI layout. Every file of the stream is a blob in it, under its digest.
type layout struct {
	dir   string
	files map[string]digest.Digest // by the name in the stream
	links map[string]string        // a Docker archive has a layer that occurs again as a link to the first
}

// unpack writes each file once, under its digest.
func unpack(stream io.Reader, dir string) (*layout, error) {
	l := &layout{dir: dir, files: map[string]digest.Digest{}, links: map[string]string{}}
	if err := os.MkdirAll(filepath.Join(dir, ocispecs.ImageBlobsDir, digest.SHA256.String()), 0o700); err != nil {
		return nil, err
	}
	for r := tar.NewReader(stream); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			// The rest after the end of the archive is read, so that the engine does not get a write error.
			_, err = io.Copy(io.Discard, stream)
			return l, err
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean("/" + header.Name)[1:]
		switch header.Typeflag {
		case tar.TypeReg:
			if l.files[name], err = l.store(r); err != nil {
				return nil, fmt.Errorf("%s: %w", header.Name, err)
			}
		case tar.TypeSymlink:
			l.links[name] = path.Clean("/" + path.Join(path.Dir(name), header.Linkname))[1:] //nolint:gosec // a key of a map, never a path
		case tar.TypeLink:
			l.links[name] = path.Clean("/" + header.Linkname)[1:]
		}
	}
}

// store writes a blob and names it after it is complete.
func (l *layout) store(r io.Reader) (digest.Digest, error) {
	f, err := os.CreateTemp(l.dir, "blob-")
	if err != nil {
		return "", err
	}
	sum := digest.SHA256.Digester()
	_, err = io.Copy(io.MultiWriter(f, sum.Hash()), r)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return sum.Digest(), os.Rename(f.Name(), l.blob(sum.Digest()))
}

func (l *layout) blob(d digest.Digest) string {
	return filepath.Join(l.dir, ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}

// descriptor describes a file of the stream.
func (l *layout) descriptor(name, mediaType string) (ocispecs.Descriptor, error) {
	name = path.Clean("/" + name)[1:]
	if target, ok := l.links[name]; ok {
		name = target
	}
	d, ok := l.files[name]
	if !ok {
		return ocispecs.Descriptor{}, fmt.Errorf("%s is not there", name)
	}
	info, err := os.Stat(l.blob(d))
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	return ocispecs.Descriptor{MediaType: mediaType, Digest: d, Size: info.Size()}, nil
}

// read reads a document.
func (l *layout) read(d digest.Digest) ([]byte, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	info, err := os.Stat(l.blob(d))
	if err == nil {
		err = document.CheckSize(info.Size())
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(l.blob(d))
}

// parsed is a document that was read.
func parsed[T any](l *layout, d digest.Digest, parse func([]byte) (T, error)) (value T, err error) {
	body, err := l.read(d)
	if err != nil {
		return value, err
	}
	return parse(body)
}

// has reports whether a blob is complete.
func (l *layout) has(desc ocispecs.Descriptor) bool {
	if desc.Digest.Validate() != nil {
		return false
	}
	info, err := os.Stat(l.blob(desc.Digest))
	return err == nil && info.Size() == desc.Size
}
