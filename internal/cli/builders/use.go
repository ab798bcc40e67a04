package builders

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

func newBuilderUseCommand(w *cli.Env) *cobra.Command {
	var flag string
	var global, byDefault bool
	cmd := &cobra.Command{
		Use:   "use [OPTIONS] [NAME]",
		Short: "Set the current builder instance",
		Long: "Set the builder that commands use on the current engine if they name none. Without NAME, this is the builder \"default\".\n\n" +
			"The choice is stored in multiarch/builders.json in the Docker config folder. DOCKER_MULTIARCH_BUILDER and --builder take\n" +
			"precedence over it.",
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return cli.Interruptible(cmd, w, func(ctx context.Context) error {
				name := append(args, flag)[0]
				if name == "" || name == builder.DefaultName {
					return w.Choose(ctx, builder.DefaultName, global)
				}
				return useBuilder(ctx, w, name, global)
			})
		},
		ValidArgsFunction: cli.CompleteOneBuilder(w),
	}
	addBuilderFlag(cmd, w, &flag)
	cmd.Flags().BoolVar(&byDefault, "default", false, "Set builder as default for current context (always on)")
	cmd.Flags().BoolVar(&global, "global", false, "Builder persists context changes (use this name on all engines)")
	return cmd
}

// useBuilder requires an existing builder. Otherwise the next build would make a builder with a mistyped name.
func useBuilder(ctx context.Context, w *cli.Env, name string, global bool) error {
	_, found, err := w.FindBuilder(ctx, name)
	if err != nil {
		return err
	}
	if !found {
		return &cli.Hinted{Err: noBuilder(name), Hint: "docker multiarch builder create --use --name " + name}
	}
	return w.Choose(ctx, name, global)
}
