package main

import (
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

// short says what the program does, also in the Docker CLI's list of commands.
const short = "Build and push multi-platform images"

// newRoot returns the tree of commands. name is "multiarch" under the Docker CLI and the binary's own name otherwise.
func newRoot(w *cli.Env, name string) *cobra.Command {
	root := &cobra.Command{
		Use:   name,
		Short: short,
		Long: "Build an image for several platforms with one command, and push it as one index.\n\n" +
			"The first build creates a builder. Emulators are installed when a platform needs them. No tag moves before every\n" +
			"platform has succeeded.",
		Args: cobra.ArbitraryArgs, RunE: startOrUnknown,
		SilenceUsage: true, SilenceErrors: true, TraverseChildren: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
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
