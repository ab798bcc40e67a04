// Package manifests has the commands that make, merge and compare indexes of images.
package manifests

import (
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// New returns the group of commands about indexes and manifest lists, in registries and archives. None needs an engine.
func New(w *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifest",
		Short: "Create, merge and compare indexes of images",
		Long: "Create, merge and compare indexes of images, which Docker calls manifest lists. The images are in registries, in OCI archives or\n" +
			"in folders with an OCI image layout. No engine and no builder is needed.",
		Args: cobra.ArbitraryArgs, RunE: cli.HelpOrUnknown,
	}
	cmd.AddCommand(newManifestCreateCommand(w), newManifestAnnotateCommand(w), newManifestInspectCommand(w), newManifestPushCommand(w), newManifestRmCommand(w))
	cmd.AddCommand(newManifestDiffCommand(w))
	cmd.AddCommand(newManifestMergeCommand(w))
	return cmd
}
