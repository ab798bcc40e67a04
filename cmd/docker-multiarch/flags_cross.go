package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/docker-multiarch/docker-multiarch/internal/cross"
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

// cross parses what may be run on the builder's own platform: the flag, else the project's file, else auto.
func (j *job) cross(o buildOptions, p project) (err error) {
	chosen := first(choice{o.cross, "--cross"}, choice{p.Cross, projectFile + ": cross"}, choice{[]string{crossAuto}, ""})
	if j.request.Cross, err = cross.Parse(chosen.values); err != nil {
		return fmt.Errorf("%s: %w", chosen.from, err)
	}
	return nil
}
