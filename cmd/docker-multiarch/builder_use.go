package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
)

func newBuilderUseCommand(w *world) *cobra.Command {
	var flag string
	var global, byDefault bool
	cmd := &cobra.Command{
		Use:   "use [OPTIONS] [NAME]",
		Short: "Set the current builder instance",
		Long: "Set the builder that commands use on the current engine when they name none. Without a name it is \"default\" again.\n" +
			"The choice is kept in the folder multiarch of the Docker config; DOCKER_MULTIARCH_BUILDER and --builder have precedence.",
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return interruptible(cmd, w, func(ctx context.Context) error {
				name := append(args, flag)[0]
				if name == "" || name == builder.DefaultName {
					return w.choose(ctx, builder.DefaultName, global)
				}
				return useBuilder(ctx, w, name, global)
			})
		},
		ValidArgsFunction:     completeOneBuilder(w),
		DisableFlagsInUseLine: true,
	}
	addBuilderFlag(cmd, w, &flag)
	cmd.Flags().BoolVar(&byDefault, "default", false, "Set builder as default for current context (it always is)")
	cmd.Flags().BoolVar(&global, "global", false, "Use a builder of this name on all engines")
	return cmd
}

// useBuilder wants the builder to be there: a name that is mistyped would be made by the next build.
func useBuilder(ctx context.Context, w *world, name string, global bool) error {
	eng, err := w.answering(ctx)
	if err != nil {
		return err
	}
	found, err := container.Exists(ctx, eng, name)
	if err != nil {
		return err
	}
	if !found {
		return &hinted{err: noBuilder(name), hint: "docker multiarch builder create --use --name " + name}
	}
	return w.choose(ctx, name, global)
}
