package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/layout"
	"github.com/docker-multiarch/docker-multiarch/manifest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// imageFlag is the flag that names an image of an archive that holds several.
const imageFlag = "image"

// archivedImage is an image in an archive.
type archivedImage struct {
	*layout.Archive
	image layout.Image
	root  ocispecs.Descriptor // without what index.json says of it
	nodes []layout.Node       // its manifests, the root first
}

// openArchive opens an image of an archive, and reads its manifests: what is wrong with them is said before any work.
func openArchive(ctx context.Context, path, name string) (archivedImage, error) {
	archive, err := layout.Open(ctx, path)
	if err != nil {
		return archivedImage{}, &usage{err: err}
	}
	img, err := archive.Pick(name)
	if err != nil {
		return archivedImage{}, &usage{err: err, hint: "use --" + imageFlag + " NAME to choose one"}
	}
	graph, err := layout.Read(ctx, img.Root, archive)
	if err != nil {
		return archivedImage{}, &usage{err: fmt.Errorf("%q is not whole: %w", path, err)}
	}
	for _, blob := range graph.Blobs {
		if there, err := archive.Exists(ctx, blob); err != nil || !there {
			return archivedImage{}, &usage{err: fmt.Errorf("%q is not whole: it lacks %s", path, blob.Digest)}
		}
	}
	root := ocispecs.Descriptor{MediaType: img.Root.MediaType, Digest: img.Root.Digest, Size: img.Root.Size}
	return archivedImage{Archive: archive, image: img, root: root, nodes: graph.Nodes}, nil
}

// describe says in a line what was found.
func (a archivedImage) describe(out io.Writer, path string) {
	kind := "an image"
	if manifest.IsIndex(a.root.MediaType) {
		kind = "an index"
		if names := a.platforms(); len(names) > 0 {
			kind += " of " + strings.Join(names, ", ")
		}
	}
	fmt.Fprintf(out, "%s: %s, %s\n", path, kind, a.root.Digest)
}

// platforms are those that an index offers.
func (a archivedImage) platforms() (names []string) {
	for _, child := range a.nodes[0].Children {
		if child.Platform != nil && !manifest.IsAttestation(child) {
			names = append(names, platform.Format(*child.Platform))
		}
	}
	return names
}

// completeArchive completes the first argument with files, and folders.
func completeArchive(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
