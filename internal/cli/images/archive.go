package images

import (
	"context"
	"fmt"
	"io"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageFlag is the flag that selects an image of an archive with several.
const imageFlag = "image"

// archivedImage is an image in an archive.
type archivedImage struct {
	*layout.Archive
	image layout.Image
	root  ocispecs.Descriptor // without the attributes in index.json
	nodes []layout.Node       // its manifests, the root first
	blobs []ocispecs.Descriptor
}

// smallBlob is the size in bytes up to which blobs are read before any work.
const smallBlob = 1 << 20

// openArchive opens an image of an archive. It reads the manifests and small blobs, and compares the sizes of all blobs, so that a
// broken archive is reported before any work.
func openArchive(ctx context.Context, path, name string) (archivedImage, error) {
	archive, err := layout.Open(ctx, path)
	if err != nil {
		return archivedImage{}, &cli.Usage{Err: err}
	}
	img, err := archive.Pick(name)
	if err != nil {
		return archivedImage{}, &cli.Usage{Err: err, Hint: "use --" + imageFlag + " NAME to choose one"}
	}
	graph, err := layout.Read(ctx, img.Root, archive)
	if err != nil {
		return archivedImage{}, &cli.Usage{Err: fmt.Errorf("%q is not whole: %w", path, err)}
	}
	if err := checkSmall(ctx, archive, graph.Blobs); err != nil {
		return archivedImage{}, &cli.Usage{Err: fmt.Errorf("%q is not whole: %w", path, err)}
	}
	root := ocispecs.Descriptor{MediaType: img.Root.MediaType, Digest: img.Root.Digest, Size: img.Root.Size}
	return archivedImage{Archive: archive, image: img, root: root, nodes: graph.Nodes, blobs: graph.Blobs}, nil
}

func checkSmall(ctx context.Context, archive *layout.Archive, blobs []ocispecs.Descriptor) error {
	var small []ocispecs.Descriptor
	for _, blob := range blobs {
		size, err := archive.Stat(ctx, blob)
		switch {
		case isMissing(err):
			return fmt.Errorf("it lacks %s", blob.Digest)
		case err != nil:
			return err
		case size != blob.Size:
			return fmt.Errorf("%s has %d bytes, and its descriptor says %d", blob.Digest, size, blob.Size)
		case size <= smallBlob:
			small = append(small, blob)
		}
	}
	return archive.Check(ctx, small...)
}

// describe prints a line about the image.
func (a archivedImage) describe(out io.Writer, path string) {
	kind := "an image"
	if manifest.IsIndex(a.root.MediaType) {
		kind = "an index"
		if names := a.platforms(); len(names) > 0 {
			kind += " of " + strings.Join(names, ", ")
		}
	}
	cli.Putf(out, "%s: %s, %s\n", path, kind, a.root.Digest)
}

// platforms returns the platforms of an index.
func (a archivedImage) platforms() (names []string) {
	for _, child := range a.nodes[0].Children {
		if child.Platform != nil && !manifest.IsAttestation(child) {
			names = append(names, platform.Format(*child.Platform))
		}
	}
	return names
}

// CompleteArchive completes the first argument with files and folders.
func CompleteArchive(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
