package main

import (
	"context"
	"testing"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

// Without the Docker CLI in front the program has the CLI's flags, too, on top of its own.
func TestTheDockersFlagsStandBesideOursInEveryCommand(t *testing.T) {
	dockerCLI, err := command.NewDockerCli()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-c", "a", "build", "-c", "512"}, {"build", "--context", "a", "-c", "512"}} {
		var got buildOptions
		root := newRoot(&cli.Env{}, "docker-multiarch")
		for _, cmd := range root.Commands() {
			if cmd.Name() == "build" {
				root.RemoveCommand(cmd)
			}
		}
		root.AddCommand(newBuildCommand(&cli.Env{}, func(_ context.Context, _ *cli.Env, o buildOptions) error { got = o; return nil }))
		standalone(dockerCLI, root)
		chosen := ""
		root.PersistentPreRunE = func(*cobra.Command, []string) error {
			chosen = root.PersistentFlags().Lookup("context").Value.String()
			return nil
		}
		root.SetArgs(append(args, "."))
		if err := root.ExecuteContext(t.Context()); err != nil || chosen != "a" || len(got.steps.legacyResources) != 1 {
			t.Errorf("%v: context %q, limits %v, %v", args, chosen, got.steps.legacyResources, err)
		}
		for _, cmd := range root.Commands() {
			cmd.InheritedFlags() // panics where two flags have one letter
			for _, sub := range cmd.Commands() {
				sub.InheritedFlags()
			}
		}
	}
}
