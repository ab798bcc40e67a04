package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Between checks the number of arguments. arguments names them in the error. most is -1 for any number.
func Between(least, most int, arguments string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return UsageError(cmd, "%q needs %s", cmd.CommandPath(), arguments)
		}
		return nil
	}
}

// HelpOrUnknown runs a command that only groups others: it shows the help, or refuses an unknown subcommand.
func HelpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return UsageError(cmd, "unknown command %q%s", args[0], suggestion(cmd, args[0]))
}

// Exactly checks the number of arguments. arguments names them in the error.
func Exactly(n int, arguments string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return UsageError(cmd, "%q needs %s", cmd.CommandPath(), arguments)
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

// flagError explains why flags cannot be parsed.
func flagError(cmd *cobra.Command, err error) error {
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	near := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		near = flagSuggestion(cmd, unknown.GetSpecifiedName())
	}
	return UsageError(cmd, "%w%s", err, near)
}

// flagSuggestion returns the flag that the user may have meant, by cobra's rules for commands.
func flagSuggestion(cmd *cobra.Command, name string) string {
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		}
	})
	if near := flags.SuggestionsFor(name); len(name) > 1 && len(near) > 0 {
		return fmt.Sprintf(": did you mean --%s?", near[0])
	}
	return ""
}

// Program completes a root of commands: all commands read and write the environment's streams, and fail if their answers cannot be written.
func (w *Env) Program(root *cobra.Command, commands ...*cobra.Command) *cobra.Command {
	w.Out, w.Err = NewStream(w.Out), NewStream(w.Err)
	root.SetIn(w.In)
	root.SetOut(w.Out)
	root.SetErr(w.Err)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(commands...)
	w.allAnswer(root)
	return root
}
