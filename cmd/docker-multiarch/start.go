package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// startPage is printed when the program is called without arguments. PROGRAM stands for the name by which it was called.
const startPage = `PROGRAM builds an image for several platforms with one command.

Check that this machine has everything that a build needs:

  PROGRAM doctor

Build the image in this directory and load it into the engine:

  PROGRAM build --platform linux/amd64,linux/arm64 --load -t app .

Build it and push it, with one name for all platforms:

  PROGRAM build --platform linux/amd64,linux/arm64 --push -t REGISTRY/app:1.0 .

All commands:        PROGRAM --help
All flags of build:  PROGRAM build --help
`

// startOrUnknown runs when no command is given or the command is unknown.
func startOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return cli.HelpOrUnknown(cmd, args)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), strings.ReplaceAll(startPage, "PROGRAM", cmd.CommandPath()))
	return err
}
