package buildflags

import (
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// CrossAuto is the default of --cross.
const CrossAuto = "auto"

// AddCrossFlag adds --cross, with its completion.
func AddCrossFlag(cmd *cobra.Command, values *[]string) {
	cmd.Flags().StringArrayVar(values, "cross", nil,
		`Compile on the builder's own platform instead of under an emulator ("auto" (default), "off", or recipes: "go", "node:STAGE")`)
	// Registering fails only for an unknown flag.
	_ = cmd.RegisterFlagCompletionFunc("cross", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		completions := []string{CrossAuto + "\tsteps that are known to give the same bytes", "off\tno steps"}
		for _, r := range recipe.All() {
			completions = append(completions, r.Name+"\t"+r.About)
		}
		return completions, cobra.ShellCompDirectiveNoFileComp
	})
}
