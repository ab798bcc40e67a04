package main

import (
	"io"
	"testing"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/plugin"
)

// Without the Docker CLI in front, the program has the CLI's flags as well as its own.
func TestTheDockersFlagsStandBesideOursInEveryCommand(t *testing.T) {
	docker := dockercli.New(io.Discard)
	for _, args := range [][]string{{"-c", "a", "build", "-c", "512"}, {"build", "--context", "a", "-c", "512"}} {
		root := newRoot(&cli.Env{}, "docker-multiarch")
		build, _, err := root.Find([]string{"build"})
		if err != nil {
			t.Fatal(err)
		}
		build.RunE = func(*cobra.Command, []string) error { return nil }
		plugin.Alone(docker, root)
		chosen := ""
		root.PersistentPreRunE = func(*cobra.Command, []string) error {
			chosen = root.PersistentFlags().Lookup("context").Value.String()
			return nil
		}
		root.SetArgs(append(args, "."))
		if err := root.ExecuteContext(t.Context()); err != nil || chosen != "a" || !build.Flags().Lookup("cpu-shares").Changed {
			t.Errorf("%v: context %q, --cpu-shares is there: %t, %v", args, chosen, build.Flags().Lookup("cpu-shares").Changed, err)
		}
		for _, cmd := range root.Commands() {
			cmd.InheritedFlags() // panics if two flags share a letter
			for _, sub := range cmd.Commands() {
				sub.InheritedFlags()
			}
		}
	}
}
