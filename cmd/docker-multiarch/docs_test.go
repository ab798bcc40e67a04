package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
)

var update = flag.Bool("update", false, "write docs/commands.md")

const (
	commandsFile = "../../docs/commands.md"
	commandsHead = `# Commands

<!-- Made from the commands themselves by: go test ./cmd/docker-multiarch -run TestTheCommandReference -update -->

The binary ` + "`docker-multiarch`" + ` can also be called directly, with the same arguments as ` + "`docker multiarch`" + `.
Standard output is the answer, everything else goes to standard error.

## Exit statuses

| status | meaning |
|---|---|
`
)

// exitStatuses lists all exit statuses with their meaning.
func exitStatuses() string {
	var b strings.Builder
	for _, s := range []struct {
		status  int
		meaning string
	}{
		{0, "done"},
		{cli.ExitFailed, "the build, or another command, failed; no tag was moved"},
		{cli.ExitUnknown, "`verify` or `manifest diff` could not read an image"},
		{cli.ExitPartial, "published without some platforms of `build --allow-partial`"},
		{cli.ExitPush, "built, but a push failed"},
		{cli.ExitUsage, "wrong flags or arguments; nothing was done"},
		{cli.ExitInterrupted, "interrupted by Ctrl-C, or by the Docker CLI; 143 by SIGTERM"},
	} {
		fmt.Fprintf(&b, "| %d | %s |\n", s.status, s.meaning)
	}
	b.WriteString("\nIf the answer cannot be written to standard output, the status is 1, or 2 for `verify` and `manifest diff`. Standard error then says what\n" +
		"was done, such as the digest that `build -q --push` has published. If the reader closed the pipe early, as `head` does, and nothing was\n" +
		"changed, the status is 141 without a message.\n")
	return b.String()
}

// commandReference returns the text of docs/commands.md.
func commandReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString(commandsHead + exitStatuses())
	writeCommand(&b, root)
	return b.String()
}

func writeCommand(b *strings.Builder, cmd *cobra.Command) {
	if cmd.Hidden || cmd.IsAdditionalHelpTopicCommand() || cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", cmd.CommandPath())
	if cmd.Runnable() && !cmd.HasSubCommands() {
		fmt.Fprintf(b, "    %s\n\n", cmd.UseLine())
	}
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	b.WriteString(long + "\n")
	if cmd.HasSubCommands() {
		b.WriteString("\n| command | |\n|---|---|\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
				fmt.Fprintf(b, "| [`%s`](#%s) | %s |\n", sub.Name(), strings.ReplaceAll(sub.CommandPath(), " ", "-"), sub.Short)
			}
		}
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(b, "\nAlso: `%s`.\n", strings.Join(cmd.Aliases, "`, `"))
	}
	if cmd.Example != "" {
		fmt.Fprintf(b, "\nExample:\n\n    %s\n", strings.ReplaceAll(strings.TrimSpace(cmd.Example), "\n  ", "\n    "))
	}
	writeFlags(b, cmd)
	for _, sub := range cmd.Commands() { // sorted by name
		writeCommand(b, sub)
	}
}

func writeFlags(b *strings.Builder, cmd *cobra.Command) {
	var rows strings.Builder
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := f.DefValue
		if value == "[]" || value == "false" {
			value = ""
		}
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", name, value, strings.ReplaceAll(f.Usage, "|", "\\|"))
	})
	if rows.Len() > 0 {
		b.WriteString("\n| flag | default | meaning |\n|---|---|---|\n" + rows.String())
	}
}

func TestTheCommandReferenceIsThatOfTheCommands(t *testing.T) {
	root := newRoot(&cli.Env{}, "multiarch")
	(&cobra.Command{Use: "docker"}).AddCommand(root)
	got := commandReference(root)
	if *update {
		if err := os.WriteFile(commandsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(commandsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("docs/commands.md is not up to date; write it with: go test ./cmd/docker-multiarch -run TestTheCommandReference -update\n(-file +commands):\n%s", diff)
	}
}

func TestEveryCommandAndFlagIsDescribed(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: %q", cmd.CommandPath(), cmd.Short)
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no meaning", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&cli.Env{}, "multiarch"))
}
