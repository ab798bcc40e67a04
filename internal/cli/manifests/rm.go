package manifests

import (
	"context"
	"errors"
	"fmt"

	"github.com/distribution/reference"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/draft"
)

func newManifestRmCommand(w *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "rm MANIFEST_LIST [MANIFEST_LIST...]",
		Short: "Delete one or more manifest lists from local storage",
		Long: "Remove drafts of manifest lists from this machine. Nothing is removed from a registry.\n\n" +
			"Exit status:\n\n" +
			"    0    done\n" +
			"    1    one of the lists has no draft; the others were removed\n" +
			"    125  wrong arguments; nothing was removed",
		Args: cli.Between(1, -1, "at least one argument, a manifest list"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error { return runManifestRm(ctx, w, args) })
		},
		ValidArgsFunction: completeDrafts(w, -1),
	}
}

func runManifestRm(ctx context.Context, w *cli.Env, names []string) error {
	lists := make([]reference.NamedTagged, len(names))
	for i, name := range names {
		var err error
		if lists[i], err = parseList(name); err != nil {
			return err
		}
	}
	var failures []error
	for _, list := range lists {
		failures = append(failures, drafts(w).Update(ctx, list, func(old *draft.Draft) (*draft.Draft, error) {
			if old == nil {
				return nil, fmt.Errorf("%w: %s", draft.ErrNone, reference.FamiliarString(list))
			}
			return nil, nil
		}))
	}
	return errors.Join(failures...)
}
