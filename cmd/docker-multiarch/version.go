package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// The linker sets these; see the Makefile.
var (
	version = "dev"
	commit  = "unknown"
)

func newVersionCommand(w *cli.Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version, commit and platform of docker multiarch",
		Args:  cli.Exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(w.Out, "docker-multiarch %s %s %s/%s\n", version, commit, runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
