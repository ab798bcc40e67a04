package manifests

import (
	"context"
	"maps"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
)

type diffOptions struct {
	a, b, format string
	quiet        bool
}

func newManifestDiffCommand(w *cli.Env) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff [OPTIONS] A B",
		Short: "Compare two images by platform",
		Long: "Compare two images by platform. The answer shows which platforms are the same, byte for byte, which have changed and how, and\n" +
			"which only one of the images has. Attestations, annotations of the index and entries that are not images are compared as well.\n" +
			"The order, the formatting and the media type of an index are not compared.\n\n" +
			"A and B have the same forms as REF of docker multiarch inspect.\n\n" +
			"Exit status, as of diff:\n\n" +
			"    0    no difference\n" +
			"    1    a difference\n" +
			"    2    one of the images could not be read\n" +
			"    125  wrong flags or arguments",
		Example: "  docker multiarch manifest diff registry.example/app:1.0 registry.example/app:1.1",
		Args:    cli.Exactly(2, "two arguments, each the name of an image or the path of an archive"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.a, o.b = args[0], args[1]
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runDiff(ctx, w, o) })
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	cli.AddTemplateFlag(cmd, &o.format)
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print nothing and only set the exit status")
	return cmd
}

// diffRow is the output of diff. Its keys in JSON are stable.
type diffRow struct {
	Same        bool
	A, B        diffSide
	Platforms   []diffPlatform
	Annotations []string        `json:",omitempty"` // keys of the indexes' annotations that differ
	OnlyInA     []digest.Digest `json:",omitempty"` // entries that are not images
	OnlyInB     []digest.Digest `json:",omitempty"`
}

// diffSide is one of the two images.
type diffSide struct {
	Name      string
	Digest    digest.Digest
	MediaType string
}

type diffPlatform struct {
	Platform     string
	State        tree.State
	A            *diffImage `json:",omitempty"`
	B            *diffImage `json:",omitempty"`
	SharedLayers int
	Config       []string `json:",omitempty"` // parts of the configuration that differ
	Attestations bool     // whether they differ
}

type diffImage struct {
	Digest digest.Digest
	Config digest.Digest
	Size   int64 // compressed
	Layers int
}

func runDiff(ctx context.Context, w *cli.Env, o diffOptions) error {
	if err := cli.CheckTemplate(o.format); err != nil {
		return err
	}
	words := [2]string{o.a, o.b}
	var sides [2]diffSide
	var trees [2]tree.Tree
	group, groupCtx := errgroup.WithContext(ctx)
	for i, word := range words {
		group.Go(func() error {
			at, err := images.FindLocation(groupCtx, w, word)
			if err != nil {
				return err
			}
			sides[i] = diffSide{at.Name, at.Root.Digest, at.Root.MediaType}
			if trees[i], err = tree.Read(groupCtx, at.Root, at.Blobs); err != nil {
				return images.HintIncomplete(at, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return cli.Unknown(err)
	}
	row := newDiffRow(sides, trees)
	var err error
	switch {
	case o.quiet:
	case o.format == "table":
		err = diffTable(w.Out, row)
	default:
		err = cli.WriteOne(w.Out, o.format, row)
	}
	if lost := cli.WriteError(w.Out); lost != nil {
		return cli.Unknown(lost)
	}
	if err == nil && !row.Same {
		err = cli.Status(cli.ExitFailed)
	}
	return err
}

func newDiffRow(sides [2]diffSide, trees [2]tree.Tree) diffRow {
	row := diffRow{A: sides[0], B: sides[1], Platforms: []diffPlatform{}, Annotations: differing(trees[0].Annotations, trees[1].Annotations)}
	row.OnlyInA, row.OnlyInB = missing(trees[0].Others, trees[1].Others), missing(trees[1].Others, trees[0].Others)
	row.Same = len(row.Annotations)+len(row.OnlyInA)+len(row.OnlyInB) == 0
	for _, c := range tree.Diff(trees[0], trees[1]) {
		row.Same = row.Same && c.State == tree.Same && !c.Attested
		row.Platforms = append(row.Platforms, diffPlatform{
			Platform: c.Platform(), State: c.State, A: newDiffImage(c.A), B: newDiffImage(c.B),
			SharedLayers: c.SharedLayers, Config: c.Config, Attestations: c.Attested,
		})
	}
	return row
}

func newDiffImage(img *tree.Image) *diffImage {
	if img == nil {
		return nil
	}
	return &diffImage{img.Descriptor.Digest, img.Manifest.Config.Digest, img.Size(), len(img.Manifest.Layers)}
}

// differing returns the keys whose values differ.
func differing(a, b map[string]string) (keys []string) {
	all := map[string]string{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		x, inA := a[key]
		if y, inB := b[key]; x != y || inA != inB {
			keys = append(keys, key)
		}
	}
	return keys
}

// missing returns the entries of one that are missing in other.
func missing(one, other []ocispecs.Descriptor) (all []digest.Digest) {
	for _, desc := range one {
		if !slices.ContainsFunc(other, func(d ocispecs.Descriptor) bool { return d.Digest == desc.Digest }) {
			all = append(all, desc.Digest)
		}
	}
	return all
}
