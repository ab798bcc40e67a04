package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	peer "github.com/docker/cli/cli"
	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/docker/cli/cli-plugins/socket"
	"github.com/docker/cli/cli/config"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/dockercli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/plugin"
)

// tree returns commands of each kind. run is that of the command "wait".
func tree(run func(*cobra.Command) error) *cobra.Command {
	none := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "multiarch", Short: "Short of the root", Long: "Long of the root,\nin two lines.\n", RunE: none, SilenceUsage: true, SilenceErrors: true}
	group := &cobra.Command{Use: "group", Short: "A group", Aliases: []string{"g"}, RunE: none}
	group.Flags().Bool("all", false, "A flag of a group")
	leaf := &cobra.Command{Use: "leaf-with-a-long-name [OPTIONS] NAME", Short: "A leaf", Aliases: []string{"l", "ll"}, Example: "  docker multiarch group leaf x", RunE: none}
	leaf.Flags().StringP("text", "t", "x", strings.Repeat("A long text about a flag. ", 5))
	leaf.Flags().StringArray("list", nil, "A `word` of a list")
	group.AddCommand(leaf)
	wait := &cobra.Command{Use: "wait", Short: "Wait", RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd) }}
	hidden := &cobra.Command{Use: "hidden", Hidden: true, RunE: none}
	old := &cobra.Command{Use: "old", Deprecated: "use wait", RunE: none}
	root.AddCommand(group, wait, hidden, old)
	for _, cmd := range []*cobra.Command{root, group, leaf, wait} { // as package cli does
		cmd.DisableFlagsInUseLine = true
	}
	return root
}

func newDocker(t *testing.T) *dockercli.CLI {
	t.Helper()
	config.SetDir(t.TempDir())
	return dockercli.New(io.Discard)
}

// output returns what a command line prints behind the Docker CLI.
func output(t *testing.T, words ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := tree(nil)
	root.SetOut(&out)
	if err := plugin.Run(newDocker(t), root, words); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheHelpIsInTheFormOfTheDockerCLI(t *testing.T) {
	for _, words := range []string{"", "group", "group leaf-with-a-long-name", "wait"} {
		docker := &cobra.Command{Use: "docker"}
		peer.SetupPluginRootCommand(docker)
		root := tree(nil)
		docker.AddCommand(root)
		var want bytes.Buffer
		docker.SetOut(&want)
		args := append([]string{"multiarch"}, strings.Fields(words)...)
		cmd, _, err := docker.Find(args)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		for _, asked := range [][]string{append(args, "--help"), append([]string{"help"}, args...)} {
			if d := cmp.Diff(want.String(), output(t, asked...)); d != "" {
				t.Errorf("%v:\n%s", asked, d)
			}
		}
	}
}

func TestTheGlobalFlagsOfTheDockerCLIApply(t *testing.T) {
	docker := newDocker(t)
	other := t.TempDir()
	ran := false
	root := tree(func(*cobra.Command) error {
		ran = true
		if got, err := docker.Host(""); got != "unix:///other.sock" || err != nil {
			t.Errorf("the engine is %s, %v", got, err)
		}
		if got := config.Dir(); got != other {
			t.Errorf("the configuration is that in %s", got)
		}
		return nil
	})
	if err := plugin.Run(docker, root, []string{"--config", other, "-H", "unix:///other.sock", "multiarch", "wait"}); err != nil || !ran {
		t.Errorf("it ran: %t, %v", ran, err)
	}
	for words, want := range map[string]string{
		"--nothing multiarch wait":              "unknown flag: --nothing",
		"--context nothing -H x multiarch wait": "cannot specify both --host and --context",
		"help multiarch nothing":                "unknown help topic: multiarch nothing",
	} {
		err := plugin.Run(newDocker(t), tree(nil), strings.Fields(words))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestTheDockerCLIEndsACommandThroughItsSocket(t *testing.T) {
	address := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // the first connection only asks whether the socket is open
		for range 2 {
			if conn, err := listener.Accept(); err == nil {
				_ = conn.Close()
			}
		}
	}()
	t.Setenv(socket.EnvKey, address)
	root := tree(func(cmd *cobra.Command) error {
		<-cmd.Context().Done()
		return context.Cause(cmd.Context())
	})
	if err := plugin.Run(newDocker(t), root, []string{"multiarch", "wait"}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	_ = listener.Close() // as the Docker CLI does when a signal comes before it starts the plugin
	err = plugin.Run(newDocker(t), tree(func(*cobra.Command) error { return errors.New("it ran") }), []string{"multiarch", "wait"})
	if _, interrupted := errors.AsType[cli.Interrupted](err); !interrupted {
		t.Errorf("with a closed socket it ends with %v", err)
	}
}

func TestTheDockerCLICompletesWords(t *testing.T) {
	if got := output(t, "__complete", "multiarch", "g"); !strings.HasPrefix(got, "group\tA group\n") {
		t.Errorf("it is %q", got)
	}
	if got := output(t, "__complete", "multiarch", "group", "leaf-with-a-long-name", "--te"); !strings.HasPrefix(got, "--text\t") {
		t.Errorf("it is %q", got)
	}
}

func TestAnEngineIsReachedThroughTheDockerCLIWhereThatAsksForIt(t *testing.T) {
	dir := t.TempDir()
	words := filepath.Join(dir, "words")
	program := filepath.Join(dir, "docker")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" > "+words+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CLI_PLUGIN_USE_DIAL_STDIO", "1")
	t.Setenv(metadata.ReexecEnvvar, program)
	docker := newDocker(t)
	root := tree(func(cmd *cobra.Command) error {
		api, _, err := docker.Client("")
		if err != nil {
			return err
		}
		_, err = api.Ping(cmd.Context(), client.PingOptions{})
		return err
	})
	if err := plugin.Run(docker, root, []string{"--host", "tcp://engine:1", "multiarch", "wait"}); err == nil {
		t.Error("an engine answered")
	}
	if got, err := os.ReadFile(words); string(got) != "--host tcp://engine:1 system dial-stdio\n" {
		t.Errorf("it was called with %q, %v", got, err)
	}
}
