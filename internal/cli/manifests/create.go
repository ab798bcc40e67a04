package manifests

import (
	"context"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
)

// manifestCreateOptions are the flags as the user wrote them.
type manifestCreateOptions struct {
	list                  string
	images                []string
	amend, insecure, push bool
	gate                  cli.GateOptions
	retry                 cli.PushRetry
}

func newManifestCreateCommand(w *cli.Env) *cobra.Command {
	var o manifestCreateOptions
	cmd := &cobra.Command{
		Use:   "create [OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]",
		Short: "Create a local manifest list for annotating and pushing to a registry",
		Long: "Create a draft of a manifest list from images in registries. The draft stays on this machine until it is removed. 'manifest\n" +
			"annotate' changes it, 'manifest push' pushes it.\n\n" +
			"If MANIFEST is an index, all of its images are added, with their attestations. An image in another repository or registry is\n" +
			"copied when the list is pushed. The draft holds digests. Running the same command again resolves the names again.\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    there is no such image, or a draft of other images exists; nothing was changed\n" +
			"    4    created, but the push of --push failed\n" +
			"    125  wrong flags or arguments",
		Example: "  docker multiarch manifest create registry.example/app:1.0 registry.example/app:1.0-amd64 registry.example/app:1.0-arm64\n" +
			"  docker multiarch manifest push --purge registry.example/app:1.0",
		Args: cli.Between(2, -1, "at least two arguments: the manifest list and its images"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.list, o.images = args[0], args[1:]
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return draftError(runManifestCreate(ctx, w, o)) })
		},
		ValidArgsFunction: completeDrafts(w, 1),
	}
	f := cmd.Flags()
	f.BoolVarP(&o.amend, "amend", "a", false, "Amend an existing manifest list")
	f.BoolVar(&o.insecure, "insecure", false, "Allow communication with an insecure registry")
	f.BoolVar(&o.push, "push", false, "Push the manifest list after it is created")
	cli.AddPushRetryFlag(f, &o.retry)
	cli.AddGateFlags(cmd, &o.gate)
	return cmd
}

func runManifestCreate(ctx context.Context, w *cli.Env, o manifestCreateOptions) error {
	list, err := parseList(o.list)
	if err != nil {
		return err
	}
	listed := make([]reference.Named, len(o.images))
	for i, name := range o.images {
		if listed[i], err = parseImage(name); err != nil {
			return err
		}
	}
	examine, err := images.ExaminerFor(w, o.gate)
	if err != nil {
		return err
	}
	registry := o.retry.Client(registryFor(ctx, w, o.insecure, append(listed, list)...))
	if err := drafts(w).Create(ctx, registry, draft.CreateRequest{List: list, Images: listed, Amend: o.amend, Note: w.Say}); err != nil {
		return err
	}
	w.Result("Created manifest list "+list.String(), "created manifest list "+list.String())
	if !o.push {
		return nil
	}
	return pushDraft(ctx, w, registry, draft.PushRequest{List: list, Note: w.Say, Examine: examine}, false)
}
