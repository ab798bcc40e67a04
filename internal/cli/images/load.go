package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/load"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// loadOptions are the flags as the user wrote them.
type loadOptions struct {
	archive, image  string
	platforms, tags []string
	quiet           bool
}

// NewLoad returns the command that loads an archive into the engine.
func NewLoad(w *cli.Env) *cobra.Command {
	var o loadOptions
	cmd := &cobra.Command{
		Use:   "load [OPTIONS] ARCHIVE",
		Short: "Load an image from an archive into the engine",
		Long: "Load an image from an OCI archive, or a folder with an OCI image layout, into the engine. Its digests stay the same, and\n" +
			"nothing is built. Content that the engine has already is not sent.\n\n" +
			"An engine with the containerd image store gets the whole index. A classic store holds one platform per name: it gets the engine's\n" +
			"own platform under the name, and the others under names such as app:1.0-linux-arm64.\n\n" +
			"Exit status: 0; 1 the engine refused the image, no name was moved; 125 wrong flags, arguments or archive, nothing was done.",
		Example: "  docker multiarch build --platform linux/amd64,linux/arm64 -t app:1.0 -o type=oci,dest=app.tar .\n" +
			"  docker multiarch load app.tar",
		Args: cli.Exactly(1, "one argument, an OCI archive or a folder with an OCI image layout"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.archive = args[0]
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runLoad(ctx, w, o) })
		},
		ValidArgsFunction: CompleteArchive,
	}
	f := cmd.Flags()
	f.StringVar(&o.image, imageFlag, "", "Image to load, by name, tag or digest, from an archive of several")
	f.StringArrayVar(&o.platforms, "platform", nil, `Load these platforms only ("native": the engine's own; default "all")`)
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Print the image IDs only")
	f.StringArrayVarP(&o.tags, "tag", "t", nil, `Image name and optional tag (format: "name:tag"), instead of the archive's; may be repeated`)
	_ = cmd.RegisterFlagCompletionFunc("platform", cli.CompletePlatforms)
	return cmd
}

func runLoad(ctx context.Context, w *cli.Env, o loadOptions) error {
	selection, err := parseSelection(o.platforms)
	if err != nil {
		return &cli.Usage{Err: fmt.Errorf("--platform: %w", err)}
	}
	names, err := cli.ParseTags(o.tags, w.LookupEnv)
	if err != nil {
		return &cli.Usage{Err: fmt.Errorf("-t: %w", err)}
	}
	archive, err := openArchive(ctx, o.archive, o.image)
	if err != nil {
		return err
	}
	from := "-t"
	if len(names) == 0 {
		names, from = archive.image.Names, o.archive
	}
	if err := cli.CheckReserved(names, from); err != nil {
		return err
	}
	note := diag.Notes(w.Note)
	if len(names) == 0 {
		note.Say("the archive has no name for the image: give it one with -t NAME[:TAG]")
	}
	if o.quiet {
		note = func(diag.Diagnostic) {}
	} else {
		archive.describe(w.Err, o.archive)
	}
	eng, err := w.ReachableEngine(ctx)
	if err != nil {
		return err
	}
	if err := cli.CheckBuilderImages(ctx, eng, names, from); err != nil {
		return err
	}
	done, err := load.Load(ctx, eng, load.Request{Names: names, Root: archive.root, Blobs: archive, Selection: selection, Check: archive.Check, Note: note})
	if cannot := (*load.RefusedError)(nil); errors.As(err, &cannot) {
		return &cli.Usage{Err: cannot}
	}
	if err != nil {
		return err
	}
	if !o.quiet {
		results.Loaded(w.Err, solve.Report{Loaded: done})
		return nil
	}
	var ids []string
	for _, l := range done {
		ids = append(ids, l.ID.String())
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		w.Result(id, "loaded "+id)
	}
	return nil
}

// parseSelection parses the platforms to load, with the values of --load=.
func parseSelection(values []string) (load.Selection, error) {
	var sel load.Selection
	var rest []string
	for _, value := range strings.Split(strings.Join(values, ","), ",") {
		switch value = strings.TrimSpace(value); value {
		case "":
		case "all":
			return load.Selection{}, nil
		case "native":
			sel.Native = true
		default:
			rest = append(rest, value)
		}
	}
	if len(rest) == 0 {
		return sel, nil
	}
	var err error
	sel.Platforms, _, err = platform.Parse(rest...)
	return sel, err
}
