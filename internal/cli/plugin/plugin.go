// Package plugin starts the commands: behind the Docker CLI, whose plugin they are, or without it.
//
// It stands for the package of that name of docker/cli. The help of that one is a template, and a program with text/template keeps every
// exported method of its types: 5 MB more, of which 4 are in memory (decision 68).
package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/cli/cli/flags"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
)

// Asked reports whether the Docker CLI asks what this plugin is.
func Asked() bool { return len(os.Args) == 2 && os.Args[1] == metadata.MetadataSubcommandName }

// Answer tells the Docker CLI what this plugin is.
func Answer(out io.Writer, about metadata.Metadata) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(about)
}

// Standalone reports whether the program was not started by the Docker CLI.
func Standalone() bool { return os.Getenv(metadata.ReexecEnvvar) == "" }

// Run runs the command line of a plugin: the Docker CLI's own flags, then the name of root and its arguments.
func Run(docker *dockercli.CLI, root *cobra.Command, words []string) error {
	front, options := frontOf(root)
	args, err := afterGlobalFlags(front, words)
	if err != nil {
		return err
	}
	global := words[:len(words)-len(args)]
	front.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if signalledBefore() {
			return cli.Interrupted{Signal: os.Interrupt}
		}
		ctx, cancel := context.WithCancel(cmd.Context())
		cmd.SetContext(ctx)
		socket.ConnectAndWait(cancel)
		options.SetDefaultOptions(front.Flags())
		through, err := throughCLI(global)
		if err != nil {
			return err
		}
		return docker.Initialize(options, through)
	}
	front.SetArgs(args)
	return front.Execute()
}

// frontOf returns a command that stands for the Docker CLI in front of root, and the values of its flags.
func frontOf(root *cobra.Command) (*cobra.Command, *flags.ClientOptions) {
	front := &cobra.Command{
		Use:          "docker",
		Short:        metadata.NamePrefix + root.Name() + " is a Docker CLI plugin",
		SilenceUsage: true, SilenceErrors: true, TraverseChildren: true, DisableFlagsInUseLine: true,
		CompletionOptions: cobra.CompletionOptions{
			HiddenDefaultCmd: true, DisableDescriptions: os.Getenv("DOCKER_CLI_DISABLE_COMPLETION_DESCRIPTION") != "",
		},
	}
	front.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	options := flags.NewClientOptions()
	options.InstallFlags(front.Flags())
	addHelpFlag(front)
	_ = front.PersistentFlags().MarkShorthandDeprecated("help", "use --help")
	setHelp(front)
	front.SetHelpCommand(helpCommand())
	front.SetIn(root.InOrStdin())
	front.SetOut(root.OutOrStdout())
	front.SetErr(root.ErrOrStderr())
	front.AddCommand(root)
	return front, options
}

// afterGlobalFlags parses the flags before the first command, and returns the rest.
func afterGlobalFlags(front *cobra.Command, args []string) ([]string, error) {
	global := pflag.NewFlagSet(front.Name(), pflag.ContinueOnError)
	global.SetInterspersed(false)
	global.AddFlagSet(front.Flags())
	global.AddFlagSet(front.PersistentFlags())
	if err := global.Parse(args); err != nil {
		return nil, cli.UsageError(front, "%w", err)
	}
	return global.Args(), nil
}

// throughCLI returns the connection to the engine through the Docker CLI, with the user's global flags, where that asks for it.
func throughCLI(global []string) (dockercli.Dial, error) {
	if os.Getenv("DOCKER_CLI_PLUGIN_USE_DIAL_STDIO") == "" {
		return nil, nil
	}
	helper, err := connhelper.GetCommandConnectionHelper(os.Getenv(metadata.ReexecEnvvar), slices.Concat(global, []string{"system", "dial-stdio"})...)
	if err != nil {
		return nil, err
	}
	return helper.Dialer, nil
}

// Alone makes root work without the Docker CLI in front: root reads the Docker configuration and environment itself, and takes the Docker
// CLI's global flags.
func Alone(docker *dockercli.CLI, root *cobra.Command) *cobra.Command {
	options := flags.NewClientOptions()
	given := pflag.NewFlagSet("docker", pflag.ContinueOnError)
	options.InstallFlags(given)
	given.VisitAll(func(f *pflag.Flag) {
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
	addHelpFlag(root)
	setHelp(root)
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		options.SetDefaultOptions(root.PersistentFlags())
		return docker.Initialize(options, nil)
	}
	return root
}

// helpCommand is the Docker CLI's: "docker help multiarch build" reaches the plugin as "help multiarch build".
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [command]", Short: "Help about the command", Hidden: true,
		PersistentPreRun: func(*cobra.Command, []string) {}, // it needs no engine
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("unknown help topic: %s", strings.Join(args, " "))
			}
			return found.Help()
		},
	}
}
