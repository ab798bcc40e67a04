package builders

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// statusTimeout is how long a command waits for the state of builders, as in docker buildx.
const statusTimeout = 20 * time.Second

func addTimeoutFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", statusTimeout, "Override the default timeout for loading builder status")
	_ = cmd.RegisterFlagCompletionFunc("timeout", cobra.NoFileCompletions)
}

// addBuilderFlag adds --builder to commands that work on one builder.
func addBuilderFlag(cmd *cobra.Command, w *cli.Env, name *string) {
	cmd.Flags().StringVar(name, "builder", "", "Override the configured builder instance")
	_ = cmd.RegisterFlagCompletionFunc("builder", cli.CompleteBuilders(w))
}

// bounded returns ctx with the user's timeout; 0 is none.
func bounded(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, &cli.Hinted{
		Err:  fmt.Errorf("the builders did not report their state within %s", timeout),
		Hint: "run docker multiarch doctor, or allow more time with --timeout",
	})
}

func noBuilder(name string) error {
	return &cli.Hinted{
		Err: fmt.Errorf("there is no builder %q", name),
		Hint: "docker multiarch builder ls lists the builders;\n" +
			"      docker multiarch builder create --name " + name + " creates this one, and so does a build with --builder " + name,
	}
}

// atMostOne checks the optional argument NAME of a command that has --builder, too.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return cli.UsageError(cmd, "%q takes one builder at most, not %d", cmd.CommandPath(), len(args))
	}
	return nil
}

// named returns the builder that a command works on.
func named(w *cli.Env, args []string, flag string) (string, error) {
	names, err := allNamed(w, args, flag)
	return names[0], err
}

// allNamed returns the builders that a command works on; there is at least one.
func allNamed(w *cli.Env, args []string, flag string) ([]string, error) {
	for _, name := range args {
		if err := cli.CheckBuilder(name, ""); err != nil {
			return args, err
		}
	}
	if len(args) > 0 {
		return args, nil
	}
	name, err := w.BuilderFor(flag)
	return []string{name}, err
}
