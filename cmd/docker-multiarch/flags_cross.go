package main

import (
	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
)

// crossAuto is what holds where nobody says anything about --cross.
const crossAuto = "auto"

// addCrossFlag adds --cross, with its completion.
func addCrossFlag(cmd *cobra.Command, words *[]string) {
	cmd.Flags().StringArrayVar(words, "cross", nil,
		`Compile on the builder's own platform instead of under an emulator: "auto" (default), "off", or recipes, each for a stage or for all `+
			`("go", "node:STAGE")`)
	// It fails for a flag that does not exist only.
	_ = cmd.RegisterFlagCompletionFunc("cross", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		words := []string{crossAuto + "\twhat is known to give the same bytes", "off\tnothing"}
		for _, r := range recipe.All() {
			words = append(words, r.Name+"\t"+r.About)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	})
}
