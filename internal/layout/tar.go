package layout

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/ctxio"
)

// archive writes the files of a layout as a tar stream.
type archive struct {
	w     *tar.Writer
	blobs content.Fetcher
	dirs  map[string]bool
	files map[string]bool
}

func newArchive(w io.Writer, blobs content.Fetcher) *archive {
	return &archive{w: tar.NewWriter(w), blobs: blobs, dirs: map[string]bool{}, files: map[string]bool{}}
}

// header starts an entry. GNU's format has room for files of any size in the header itself; readers that seek in archives fail
// with PAX, which puts the size into an entry before.
func (a *archive) header(name string, mode, size int64, kind byte) error {
	return a.w.WriteHeader(&tar.Header{Name: name, Mode: mode, Size: size, Typeflag: kind, Format: tar.FormatGNU})
}

func (a *archive) file(name string, body []byte) error {
	if err := a.header(name, 0o644, int64(len(body)), tar.TypeReg); err != nil {
		return err
	}
	_, err := a.w.Write(body)
	return err
}

// open starts the entry of a blob; it returns false when the archive has the blob already.
func (a *archive) open(desc ocispecs.Descriptor) (bool, error) {
	if err := desc.Digest.Validate(); err != nil {
		return false, fmt.Errorf("%q: %w", desc.Digest, err)
	}
	name := blobPath(desc.Digest)
	if a.files[name] {
		return false, nil
	}
	a.files[name] = true
	for _, dir := range []string{ocispecs.ImageBlobsDir, path.Dir(name)} {
		if a.dirs[dir] {
			continue
		}
		a.dirs[dir] = true
		if err := a.header(dir+"/", 0o755, 0, tar.TypeDir); err != nil {
			return false, err
		}
	}
	return true, a.header(name, 0o444, desc.Size, tar.TypeReg)
}

// node writes a manifest that was read before.
func (a *archive) node(n Node) error {
	wanted, err := a.open(n.Descriptor)
	if err != nil || !wanted {
		return err
	}
	_, err = a.w.Write(n.Body)
	return err
}

// blob copies a blob.
func (a *archive) blob(ctx context.Context, desc ocispecs.Descriptor) error {
	wanted, err := a.open(desc)
	if err != nil || !wanted {
		return err
	}
	return copyBlob(ctx, a.w, desc, a.blobs)
}

func (a *archive) close() error { return a.w.Close() }

// copyBlob copies a blob and checks it on the way. An error may show only after the last byte, so a failed copy must not be used.
func copyBlob(ctx context.Context, w io.Writer, desc ocispecs.Descriptor, blobs content.Fetcher) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("copy %s: %w", desc.Digest, err)
		}
	}()
	rc, err := blobs.Fetch(ctx, desc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rc.Close()) }()
	checked := content.NewVerifyReader(ctxio.BetweenReads(ctx, rc), desc)
	if _, err := io.Copy(w, checked); err != nil {
		return err
	}
	return checked.Verify()
}

func blobPath(d digest.Digest) string {
	return path.Join(ocispecs.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
}
