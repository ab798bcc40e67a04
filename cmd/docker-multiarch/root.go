package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/docker/cli/cli-plugins/plugin"
	"github.com/docker/cli/cli/command"
	cliflags "github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot is the tree of commands. name is "multiarch" under the Docker CLI and the binary's own name otherwise.
func newRoot(w *world, name string) *cobra.Command {
	w.out, w.err = newStream(w.out), newStream(w.err)
	root := &cobra.Command{
		Use:   name,
		Short: "Build and push multi-platform images",
		Long: "Build an image for several platforms with one command, and push it as one index.\n\n" +
			"A builder of its own is made on first use, emulators are installed when a platform needs them,\n" +
			"and no tag moves before every platform has succeeded.",
		Args: cobra.ArbitraryArgs, RunE: startOrUnknown,
		SilenceUsage: true, SilenceErrors: true, TraverseChildren: true, DisableFlagsInUseLine: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	// A plugin's hook is set by the plugin library only when it runs, so it is looked up then.
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if plugin.PersistentPreRunE == nil {
			return nil
		}
		if signalledBefore() {
			return interrupted{os.Interrupt}
		}
		return plugin.PersistentPreRunE(cmd, args)
	}
	addEarlyFlags(root.Flags(), w)
	root.SetIn(w.in)
	root.SetOut(w.out)
	root.SetErr(w.err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newBuildCommand(w, runBuild), newPlanCommand(w, runBuild))
	root.AddCommand(newBuilderCommand(w), newEmulatorsCommand(w), newDoctorCommand(w), newVersionCommand(w))
	root.AddCommand(newLoadCommand(w), newPushCommand(w), newRunCommand(w))
	root.AddCommand(newInspectCommand(w), newVerifyCommand(w), newManifestCommand(w))
	w.allAnswer(root)
	return root
}

// earlyOptions are build's options that docker buildx takes before the command's name, too.
type earlyOptions struct {
	builder string
	debug   bool
}

func addEarlyFlags(f *pflag.FlagSet, w *world) {
	f.StringVar(&w.early.builder, "builder", "", "Builder to use")
	f.BoolVarP(&w.early.debug, "debug", "D", false, "Show the libraries' logs, and the way of an error through BuildKit")
	for _, name := range []string{"builder", "debug"} {
		f.Lookup(name).Hidden = true // they are shown where they belong
	}
}

// helpOrUnknown is what a command does that only groups others.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return usageError(cmd, "unknown command %q%s", args[0], suggestion(cmd, args[0]))
}

// exactly checks the number of arguments and says in words what is needed.
func exactly(n int, words string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError(cmd, "%q needs %s", cmd.CommandPath(), words)
		}
		return nil
	}
}

func suggestion(cmd *cobra.Command, arg string) string {
	cmd.SuggestionsMinimumDistance = 2
	if s := cmd.SuggestionsFor(arg); len(s) > 0 {
		return fmt.Sprintf(": did you mean %q?", s[0])
	}
	return ""
}

// standalone makes root work without the Docker CLI in front: it reads the Docker configuration and environment itself, and takes
// the Docker CLI's global flags.
func standalone(cli *command.DockerCli, root *cobra.Command) *cobra.Command {
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
			everywhere.Shorthand = "" // build's --cpu-shares has it
		}
		root.PersistentFlags().AddFlag(&everywhere)
	})
	root.CompletionOptions.HiddenDefaultCmd = false // behind the Docker CLI, its own command does it
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		options.SetDefaultOptions(root.PersistentFlags())
		return cli.Initialize(options)
	}
	return root
}

// interrupted is why a command's context ended: the signal that came.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// interruptible runs work until it ends or a signal comes. A plugin gets two: the terminal's own, and the Docker CLI's socket,
// which cancels cmd.Context. A second signal ends the process at once.
func interruptible(cmd *cobra.Command, w *world, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// A reader of standard output that has gone away would end the program, with everything that is half done left behind; ignored, it
	// is an error of the write. (Asked for, the signal would come for every broken network connection as well: see os/signal.)
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Stop(signals)
	if w.listening != nil {
		w.listening()
	}
	go func() {
		select {
		case s := <-signals:
			cancel(interrupted{s})
			signal.Stop(signals)
		case <-ctx.Done():
		}
	}()
	err := work(ctx)
	if err != nil && ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
	}
	return withHelp(cmd, err)
}
