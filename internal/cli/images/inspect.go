package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"
	"oras.land/oras-go/v2/content"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/document"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
)

type inspectImageOptions struct {
	ref, format  string
	raw, noTrunc bool
}

// NewInspect returns the command that shows the contents of an image.
func NewInspect(w *cli.Env) *cobra.Command {
	var o inspectImageOptions
	cmd := &cobra.Command{
		Use:   "inspect [OPTIONS] REF",
		Short: "Show an image: its index, and what there is for each platform",
		Long: "Show an image: the digest of its index, which docker pull reports too, and for each platform the digests of manifest and\n" +
			"configuration, the compressed size, the time of creation, the base image if the image names it, and its attestations.\n\n" +
			refHelp + "\n\n" +
			"Exit status: 0; 1 the image does not exist or is not whole (docker multiarch verify lists all findings); 125 wrong flags or arguments.",
		Example: "  docker multiarch inspect registry.example/app:1.0\n" +
			"  docker multiarch inspect --format '{{.Digest}}' registry.example/app:1.0",
		Args: cli.Exactly(1, "one argument, the name of an image or the path of an archive"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ref = args[0]
			if o.raw && cmd.Flags().Changed("format") {
				return cli.UsageError(cmd, "--raw prints the bytes as they are: it cannot be combined with --format")
			}
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runInspectImage(ctx, w, o) })
		},
		ValidArgsFunction: CompleteArchive,
	}
	cli.AddTemplateFlag(cmd, &o.format)
	cmd.Flags().BoolVar(&o.noTrunc, "no-trunc", false, "Don't truncate the digests of configurations and base images")
	cmd.Flags().BoolVar(&o.raw, "raw", false, "Show the index or manifest itself, byte for byte")
	return cmd
}

func runInspectImage(ctx context.Context, w *cli.Env, o inspectImageOptions) error {
	if err := cli.CheckTemplate(o.format); err != nil {
		return err
	}
	at, err := FindLocation(ctx, w, o.ref)
	if err != nil {
		return err
	}
	if o.raw {
		if err := document.CheckSize(at.Root.Size); err != nil {
			return fmt.Errorf("%q: %w", o.ref, err)
		}
		body, err := content.FetchAll(ctx, at.Blobs, at.Root)
		if err != nil {
			return fmt.Errorf("%q is not whole: %w", o.ref, err)
		}
		_, err = cli.Exact(w.Out).Write(body)
		return err
	}
	t, err := tree.Read(ctx, at.Root, at.Blobs)
	if err != nil {
		return HintIncomplete(at, err)
	}
	row := newImageRow(at.Name, t)
	if o.format != "table" {
		return cli.WriteOne(w.Out, o.format, row)
	}
	return inspectTable(w.Out, row, o.noTrunc)
}

// HintIncomplete adds a hint to the error of an incomplete image.
func HintIncomplete(at Location, err error) error {
	if problem := (tree.Problem{}); errors.As(err, &problem) && isMissing(err) {
		return &cli.Hinted{
			Err:  fmt.Errorf("%q is not whole: %s is missing", at.Name, problem.Descriptor.Digest),
			Hint: "docker multiarch verify " + at.Name + " lists all findings",
		}
	}
	return fmt.Errorf("%q: %w", at.Name, err)
}

func inspectTable(out io.Writer, row imageRow, whole bool) error {
	t := cli.NewTable(out)
	t.Row("Name:", row.Name)
	t.Row(strings.ToUpper(row.Kind[:1])+row.Kind[1:]+" digest:", row.Digest.String()+"   (what docker pull reports)")
	t.Row("Media type:", row.MediaType)
	if row.ArtifactType != "" {
		t.Row("Artifact type:", row.ArtifactType)
	}
	for i, key := range slices.Sorted(maps.Keys(row.Annotations)) {
		heading := "Annotations:"
		if i > 0 {
			heading = ""
		}
		t.Row(heading, key+"="+row.Annotations[key])
	}
	if err := t.Flush(); err != nil || len(row.Platforms)+len(row.Others) == 0 {
		return err
	}
	fmt.Fprintln(out)
	based := slices.ContainsFunc(row.Platforms, func(p platformRow) bool { return p.Base != nil })
	heading := []any{"PLATFORM", "MANIFEST DIGEST", "CONFIG", "SIZE", "CREATED"}
	if based {
		heading = append(heading, "BASE")
	}
	t.Row(heading...)
	for _, p := range row.Platforms {
		line := []any{p.Platform, p.Digest, cli.Short(p.Config, whole), units.HumanSize(float64(p.Size)), createdText(p.Created)}
		if based {
			line = append(line, baseText(p.Base, whole))
		}
		t.Row(line...)
		for _, a := range p.Attestations {
			t.Row("  attestation", a.Digest, strings.Join(a.Predicates, ", "))
		}
	}
	for _, o := range row.Others {
		t.Row("(no image)", o.Digest, cmp.Or(o.ArtifactType, o.MediaType))
	}
	return t.Flush()
}

func createdText(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func baseText(b *baseRow, whole bool) string {
	switch {
	case b == nil:
		return "-"
	case b.Digest == "":
		return b.Name
	}
	return b.Name + "@" + cli.Short(b.Digest, whole)
}
