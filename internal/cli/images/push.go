package images

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/internal/preflight"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// pushOptions are the flags as the user wrote them.
type pushOptions struct {
	archive, image string
	names          []string
	quiet          bool
	gate           cli.GateOptions
	retry          cli.PushRetry
}

// NewPush returns the command that pushes an archive.
func NewPush(w *cli.Env) *cobra.Command {
	var o pushOptions
	cmd := &cobra.Command{
		Use:   "push [OPTIONS] ARCHIVE NAME[:TAG]...",
		Short: "Push an image from an archive to registries",
		Long: "Push an image from an OCI archive, or a folder with an OCI image layout, to one or more names. Its digests stay the same,\n" +
			"and nothing is built. Content that a registry has already is not sent. The tags move after all content was sent.\n" +
			"The executables of every image are examined first.\n\n" +
			"Exit status: 0; 1 an image was refused, or a registry would not take a push: nothing was sent; 4 a registry did not take everything;\n" +
			"125 wrong flags, arguments or archive, nothing was done.",
		Example: "  docker multiarch build --platform linux/amd64,linux/arm64 -o type=oci,dest=app.tar .\n" +
			"  docker multiarch push app.tar registry.example/app:1.0 registry.example/app:latest",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.UsageError(cmd, "%q needs an OCI archive (or a folder with an OCI image layout), and a name to push it to", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.archive, o.names = args[0], args[1:]
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runPush(ctx, w, o) })
		},
		ValidArgsFunction: CompleteArchive,
	}
	cmd.Flags().StringVar(&o.image, imageFlag, "", "Image to push, by name, tag or digest, from an archive of several")
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "Print the digests only")
	cli.AddPushRetryFlag(cmd.Flags(), &o.retry)
	cli.AddGateFlags(cmd, &o.gate)
	return cmd
}

func runPush(ctx context.Context, w *cli.Env, o pushOptions) error {
	targets, err := cli.ParseTags(o.names, w.LookupEnv)
	if err != nil {
		return &cli.Usage{Err: err}
	}
	examine, err := ExaminerFor(w, o.gate)
	if err != nil {
		return err
	}
	archive, err := openArchive(ctx, o.archive, o.image)
	if err != nil {
		return err
	}
	note := w.Say
	if o.quiet {
		note = func(string) {}
	} else {
		archive.describe(w.Err, o.archive)
	}
	if err := archive.examine(ctx, examine); err != nil {
		return err
	}
	registry := o.retry.Client(w.Registry(ctx, note))
	repos := index.Repositories(targets)
	answers := preflight.AskRegistries(ctx, registry, repos, note)
	defer answers.Close()
	if err := preflight.Refused(answers.Wait(ctx)); err != nil {
		return err
	}
	pushed := index.Index{Descriptor: archive.root, Body: archive.nodes[0].Body, Blobs: archive}
	for _, repo := range repos {
		if err := pushed.Upload(ctx, registry, repo); err != nil {
			return &index.PushError{Err: err}
		}
	}
	if err := archive.Check(ctx, archive.blobs...); err != nil { // also those that registries have already
		return &index.PushError{Err: fmt.Errorf("%q is not whole: %w", o.archive, err)}
	}
	report := solve.Report{Target: archive.root}
	report.Tags, err = pushed.Publish(ctx, registry, manifest.PublishRequest{Targets: targets})
	if !o.quiet || err != nil { // an error must not hide which tags have moved
		results.Tags(w.Err, report)
	}
	if err != nil {
		return &index.PushError{Err: err, Tags: report.Tags}
	}
	if o.quiet {
		for _, repo := range repos {
			name := reference.FamiliarName(repo) + "@" + archive.root.Digest.String()
			w.Result(name, results.Published(report.Tags, reference.FamiliarName(repo), archive.root.Digest))
		}
	}
	return nil
}
