// Package images has the commands that inspect, verify, load and push images in registries, archives and folders. It finds the image
// that a user's argument names.
package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// refHelp describes REF in the help of the commands that inspect images.
const refHelp = "REF is an image in a registry by tag or digest, the path of an OCI archive or of a folder with an OCI image layout, or\n" +
	"oci-layout://PATH[:TAG] for one image of several there. No engine and no builder is needed."

// LayoutScheme is the peer's prefix of layouts.
const LayoutScheme = "oci-layout://"

// blobReader reads the manifests and blobs of a place.
type blobReader interface {
	content.Fetcher
	// Stat returns the size of a blob in bytes.
	Stat(context.Context, ocispecs.Descriptor) (int64, error)
}

// Location is the location of an image.
type Location struct {
	Name  string // as messages show it
	Root  ocispecs.Descriptor
	Blobs blobReader
	Ref   reference.Named // in a registry; nil elsewhere
}

// FindLocation returns the location that a user's argument names. An argument is a path if it is absolute, begins with a dot, or leads to
// an archive or an OCI layout. Every other argument is a name in a registry.
func FindLocation(ctx context.Context, w *cli.Env, word string) (Location, error) {
	if rest, ok := strings.CutPrefix(word, LayoutScheme); ok {
		path, image := splitLayout(rest)
		return layoutLocation(ctx, word, path, image)
	}
	if IsPath(word) {
		return layoutLocation(ctx, word, word, "")
	}
	named, err := reference.ParseDockerRef(word)
	if err != nil {
		err = fmt.Errorf("%q is neither a file nor the name of an image: %w", word, err)
		return Location{}, &cli.Usage{Err: err, Hint: "for example: registry.example/app:1.0, ./app.tar"}
	}
	root, source, err := w.Registry(ctx, w.Say).Source(ctx, named)
	if err != nil {
		return Location{}, err
	}
	return Location{Name: reference.FamiliarString(named), Root: root, Blobs: source, Ref: named}, nil
}

// IsPath reports whether a word names a file or a folder.
func IsPath(word string) bool {
	if filepath.IsAbs(word) || word == "." || word == ".." || strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") || strings.HasPrefix(word, `.\`) {
		return true
	}
	info, err := os.Stat(word)
	if err != nil {
		return false
	}
	if info.IsDir() {
		_, err = os.Stat(filepath.Join(word, ocispecs.ImageLayoutFile))
		return err == nil
	}
	return info.Mode().IsRegular()
}

// splitLayout splits PATH[:TAG] or PATH[@DIGEST]. The path of an existing file may contain either separator.
func splitLayout(text string) (path, image string) {
	for end := len(text); end > 0; end = strings.LastIndexAny(text[:end], ":@") {
		if _, err := os.Stat(text[:end]); err == nil {
			return text[:end], strings.TrimLeft(text[end:], ":@")
		}
	}
	if i := strings.LastIndexAny(text, ":@"); i > 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

func layoutLocation(ctx context.Context, word, path, image string) (Location, error) {
	archive, err := layout.Open(ctx, path)
	if err != nil {
		return Location{}, &cli.Usage{Err: err}
	}
	img, err := archive.Pick(image)
	if err != nil {
		return Location{}, &cli.Usage{Err: err, Hint: fmt.Sprintf("name one: %s%s:TAG", LayoutScheme, path)}
	}
	root := ocispecs.Descriptor{MediaType: img.Root.MediaType, Digest: img.Root.Digest, Size: img.Root.Size}
	return Location{Name: word, Root: root, Blobs: archiveBlobs{archive}}, nil
}

// archiveBlobs are the blobs of a layout.
type archiveBlobs struct{ *layout.Archive }

// Stat reads the blob, which verifies its digest. That costs little on a disk.
func (a archiveBlobs) Stat(ctx context.Context, desc ocispecs.Descriptor) (int64, error) {
	size, err := a.Archive.Stat(ctx, desc)
	if err != nil || size != desc.Size {
		return size, err
	}
	return size, a.Check(ctx, desc)
}

// isMissing reports whether an error means that something does not exist, and not that reading failed.
func isMissing(err error) bool {
	return errors.Is(err, manifest.ErrNotFound) || errors.Is(err, errdef.ErrNotFound)
}
