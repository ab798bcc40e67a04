package manifests

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/results"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
	"github.com/docker-multiarch/docker-multiarch/internal/index"
	"github.com/docker-multiarch/docker-multiarch/manifest"
)

// manifestPushOptions are the flags as the user wrote them.
type manifestPushOptions struct {
	list                   string
	amend, insecure, purge bool
	gate                   cli.GateOptions
	retry                  cli.PushRetry
}

func newManifestPushCommand(w *cli.Env) *cobra.Command {
	var o manifestPushOptions
	cmd := &cobra.Command{
		Use:   "push [OPTIONS] MANIFEST_LIST",
		Short: "Push a manifest list to a repository",
		Long: "Push a draft that 'manifest create' made. Images in other repositories are copied first. Then the tag moves, in one write. The\n" +
			"digest of the list is printed.\n\n" +
			"Nothing is pushed if an image's name refers to another digest than when the draft was made. The changes are shown, and --amend\n" +
			"accepts them. Nothing is pushed either if an executable in an image is for another platform than the list says.\n\n" +
			"The draft stays after a push and is marked as pushed. The next 'manifest create' starts a new one.\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    there is no such draft, or it cannot be pushed as it is; no tag was moved\n" +
			"    4    a push failed\n" +
			"    125  wrong flags or arguments",
		Args: cli.Exactly(1, "one argument, the manifest list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.list = args[0]
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return draftError(runManifestPush(ctx, w, o)) })
		},
		ValidArgsFunction: completeDrafts(w, 1),
	}
	f := cmd.Flags()
	f.BoolVar(&o.amend, "amend", false, "Push what the images' names refer to now, if they have changed")
	f.BoolVar(&o.insecure, "insecure", false, "Allow push to an insecure registry")
	f.BoolVarP(&o.purge, "purge", "p", false, "Remove the local manifest list after push")
	cli.AddPushRetryFlag(f, &o.retry)
	cli.AddGateFlags(cmd, &o.gate)
	return cmd
}

func runManifestPush(ctx context.Context, w *cli.Env, o manifestPushOptions) error {
	list, err := parseList(o.list)
	if err != nil {
		return err
	}
	examine, err := images.ExaminerFor(w, o.gate)
	if err != nil {
		return err
	}
	d, err := drafts(w).Read(ctx, list) // before any request to an engine or a registry
	if err != nil {
		return err
	}
	names := []reference.Named{list}
	for _, image := range d.Images {
		if name, err := parseImage(image.Name); err == nil {
			names = append(names, name)
		}
	}
	registry := o.retry.Client(registryFor(ctx, w, o.insecure, names...))
	return pushDraft(ctx, w, registry, draft.PushRequest{List: list, Amend: o.amend, Note: w.Say, Examine: examine}, o.purge)
}

func pushDraft(ctx context.Context, w *cli.Env, registry *manifest.Client, req draft.PushRequest, purge bool) error {
	ready, err := drafts(w).Prepare(ctx, registry, req)
	if err != nil {
		return err
	}
	tag, err := draft.Send(ctx, registry, ready, req.Note)
	if err != nil {
		return &index.PushError{Err: err}
	}
	w.Result(ready.Descriptor.Digest.String(), "published "+tag.Ref+"@"+ready.Descriptor.Digest.String())
	if tag.State == manifest.Overwritten {
		w.Say(tag.Ref + results.StateNote(tag))
	}
	changed, err := drafts(w).Done(ctx, ready, purge)
	if err != nil {
		return fmt.Errorf("%s was pushed, but its draft could not be changed: %w", tag.Ref, err)
	}
	if changed {
		w.Say(fmt.Sprintf("another command changed the draft of %s meanwhile; those changes are not pushed", tag.Ref))
	}
	return nil
}
