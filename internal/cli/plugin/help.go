package plugin

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/moby/term"
	"github.com/spf13/cobra"
)

// addHelpFlag adds --help to a root and all its commands. As those of the Docker CLI, they do not list it.
func addHelpFlag(root *cobra.Command) {
	root.PersistentFlags().BoolP("help", "h", false, "Print usage")
	root.PersistentFlags().Lookup("help").Hidden = true
}

// setHelp gives a root and all its commands the Docker CLI's form of help.
func setHelp(root *cobra.Command) {
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = writeHelp(cmd) })
	root.SetUsageFunc(writeHelp)
}

func writeHelp(cmd *cobra.Command) error {
	_, err := fmt.Fprint(cmd.OutOrStdout(), help(cmd))
	return err
}

// help returns a command's help.
func help(cmd *cobra.Command) string {
	line := cmd.UseLine()
	if cmd.HasSubCommands() {
		line = cmd.CommandPath()
		if cmd.HasAvailableFlags() {
			line += " [OPTIONS]"
		}
		line += " COMMAND"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:  %s\n\n%s\n", line, strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short)))
	section := func(heading, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s:\n%s\n", heading, strings.TrimRight(text, " \n"))
		}
	}
	section("Aliases", aliases(cmd))
	section("Examples", cmd.Example)
	section("Options", cmd.Flags().FlagUsagesWrapped(width()-1))
	section("Management Commands", subcommands(cmd, true))
	section("Commands", subcommands(cmd, false))
	if cmd.HasSubCommands() {
		fmt.Fprintf(&b, "\nRun '%s COMMAND --help' for more information on a command.\n", cmd.CommandPath())
	}
	return b.String()
}

// aliases returns all names of a command in full; "" if it has only one.
func aliases(cmd *cobra.Command) string {
	if len(cmd.Aliases) == 0 {
		return ""
	}
	names := []string{cmd.CommandPath()}
	for _, alias := range cmd.Aliases {
		names = append(names, cmd.Parent().CommandPath()+" "+alias)
	}
	return "  " + strings.Join(names, ", ")
}

// subcommands lists the commands below one: those that only group others, or all others.
func subcommands(cmd *cobra.Command, groups bool) string {
	var b strings.Builder
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.HasSubCommands() == groups {
			fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
		}
	}
	return b.String()
}

// width returns the width of the terminal.
func width() int {
	if size, err := term.GetWinsize(0); err == nil && size.Width > 0 {
		return int(size.Width)
	}
	return 80
}
