package main

import (
	"os"

	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/buildcmd"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/builders"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/doctor"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/emulators"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/images"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/manifests"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/runcmd"
)

// newRoot returns the tree of commands. name is "multiarch" under the Docker CLI and the binary's own name otherwise.
func newRoot(w *cli.Env, name string) *cobra.Command {
	root := &cobra.Command{
		Use:   name,
		Short: "Build and push multi-platform images",
		Long: "Build an image for several platforms with one command, and push it as one index.\n\n" +
			"The first build creates a builder. Emulators are installed when a platform needs them. No tag moves before every\n" +
			"platform has succeeded.",
		Args: cobra.ArbitraryArgs, RunE: startOrUnknown,
		SilenceUsage: true, SilenceErrors: true, TraverseChildren: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	// The plugin library sets a plugin's hook only when it runs, so the hook is looked up at that time.
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if plugin.PersistentPreRunE == nil {
			return nil
		}
		if signalledBefore() {
			return cli.Interrupted{Signal: os.Interrupt}
		}
		return plugin.PersistentPreRunE(cmd, args)
	}
	addEarlyFlags(root.Flags(), w)
	return w.Program(root,
		buildcmd.New(w), buildcmd.NewPlan(w),
		builders.New(w), emulators.New(w), doctor.New(w), newVersionCommand(w),
		images.NewLoad(w), images.NewPush(w), runcmd.New(w),
		images.NewInspect(w), images.NewVerify(w), manifests.New(w))
}

func addEarlyFlags(f *pflag.FlagSet, w *cli.Env) {
	f.StringVar(&w.Early.Builder, "builder", "", "Builder to use")
	f.BoolVarP(&w.Early.Debug, "debug", "D", false, "Show debug logs and stack traces")
	for _, name := range []string{"builder", "debug"} {
		f.Lookup(name).Hidden = true // the commands that use them show them
	}
}

// standalone makes root work without the Docker CLI in front: root reads the Docker configuration and environment itself, and takes
// the Docker CLI's global flags.
func standalone(dockerCLI *command.DockerCli, root *cobra.Command) *cobra.Command {
	options := cliflags.NewClientOptions()
	flags := pflag.NewFlagSet("docker", pflag.ContinueOnError)
	options.InstallFlags(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		f.Hidden = true
		if root.Flags().Lookup(f.Name) == nil {
			root.Flags().AddFlag(f)
		}
		everywhere := *f
		if f.Shorthand == "c" {
			everywhere.Shorthand = "" // build uses the letter for --cpu-shares
		}
		root.PersistentFlags().AddFlag(&everywhere)
	})
	root.CompletionOptions.HiddenDefaultCmd = false // behind the Docker CLI, its own completion command is used
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		options.SetDefaultOptions(root.PersistentFlags())
		return dockerCLI.Initialize(options)
	}
	return root
}
