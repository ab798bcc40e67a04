package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// startPage is what the program says when it is called with nothing: PROGRAM becomes the name that it was called by.
const startPage = `PROGRAM builds an image for several platforms with one command.

Is all here that a build needs?

  PROGRAM doctor

Build what is in this directory, and have it in this engine:

  PROGRAM build --platform linux/amd64,linux/arm64 --load -t app .

Build it and push it, as one name for all platforms:

  PROGRAM build --platform linux/amd64,linux/arm64 --push -t REGISTRY/app:1.0 .

All commands:           PROGRAM --help
All that a build can:   PROGRAM build --help
`

// startOrUnknown is what the program does without a command.
func startOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return helpOrUnknown(cmd, args)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), strings.ReplaceAll(startPage, "PROGRAM", cmd.CommandPath()))
	return err
}

// flagError explains flags that cannot be parsed.
func flagError(cmd *cobra.Command, err error) error {
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return err
	}
	near := ""
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		near = flagSuggestion(cmd, unknown.GetSpecifiedName())
	}
	return usageError(cmd, "%w%s", err, near)
}

// flagSuggestion finds the flag that may have been meant, by cobra's rules for commands.
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
