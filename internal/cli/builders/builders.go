// Package builders has the commands that manage builders.
package builders

import (
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// New returns the group of commands that manage builders. The first build that needs a builder makes it.
func New(w *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "builder",
		Short: "Create, inspect, clean, stop and remove builders",
		Long: "Create, inspect, clean, stop and remove builders. A builder is a container on the Docker Engine of the current context, with a\n" +
			"volume for its cache. The first build creates the builder. Later builds change it if they need other settings. A builder can\n" +
			"also be a name for several nodes. Then the commands show each node and act on each; one that does not answer within five seconds\n" +
			"is named, and does not stop the work on the others.\n\n" +
			"A command works on the first of these builders: its argument, --builder, DOCKER_MULTIARCH_BUILDER, BUILDX_BUILDER, BUILDKIT_HOST,\n" +
			"the choice of docker multiarch builder use for the engine, \"default\".",
		Args: cobra.ArbitraryArgs, RunE: cli.HelpOrUnknown,
	}
	cmd.AddCommand(
		newBuilderCreateCommand(w), newBuilderUseCommand(w), newBuilderLsCommand(w), newBuilderInspectCommand(w),
		newBuilderDuCommand(w), newBuilderPruneCommand(w), newBuilderStopCommand(w), newBuilderRmCommand(w),
	)
	return cmd
}
