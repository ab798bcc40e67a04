package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/builder"
	"github.com/docker-multiarch/docker-multiarch/builder/container"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Completer completes the arguments of a command, or the value of a flag.
type Completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// OneOf completes one of the values.
func OneOf(values ...string) Completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp
	}
}

// Prefixes completes words to which the user adds a value.
func Prefixes(words ...string) Completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// CompletePlatforms completes the last element of a comma-separated list, without the elements that are in the list already.
func CompletePlatforms(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	before := ""
	if i := strings.LastIndex(typed, ","); i >= 0 {
		before = typed[:i+1]
	}
	var values []string
	for _, p := range platform.Known() {
		if !strings.Contains(","+before, ","+p+",") {
			values = append(values, before+p)
		}
	}
	return values, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// CompleteDriverOptions completes the value of --driver-opt.
func CompleteDriverOptions(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return CompleteOptions(container.OptionNames())
}

// CompleteOptions completes one of the names of driver options; <name> is for a word of the user.
func CompleteOptions(names []string) (values []string, directive cobra.ShellCompDirective) {
	for _, name := range names {
		values = append(values, strings.TrimSuffix(name, "<name>")+map[bool]string{true: "", false: "="}[strings.HasSuffix(name, "<name>")])
	}
	return values, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// CompleteOneBuilder completes the argument of commands that take one builder.
func CompleteOneBuilder(w *Env) Completer {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return CompleteBuilders(w)(cmd, args, typed)
	}
}

// CompleteBuilders completes the names of the user's builders and of the engine's.
func CompleteBuilders(w *Env) Completer {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		names, err := builderNames(cmd.Context(), w)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func builderNames(ctx context.Context, w *Env) ([]string, error) {
	stored, err := w.StoredBuilders()
	if err != nil {
		return nil, err
	}
	names := w.Peers().Names()
	for _, b := range stored {
		names = append(names, b.Name)
	}
	eng, err := w.ReachableEngine(ctx)
	if err == nil {
		var list []builder.Status
		list, err = container.List(ctx, eng)
		for _, b := range list {
			names = append(names, b.Builder)
		}
	}
	if err != nil && len(names) == 0 {
		return nil, err
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
