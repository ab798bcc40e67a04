package manifests

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli"
	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/merge"
	"github.com/docker-multiarch/docker-multiarch/internal/tree"
)

func TestNoIndexPrinterShowsHostileTextAsItIs(t *testing.T) {
	difference := clitest.Filled[diffRow]()
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"diffTable": func(out io.Writer) { _ = diffTable(out, difference) },
		"diffLines": func(out io.Writer) {
			t := cli.NewTable(out)
			for _, state := range []tree.State{tree.Removed, tree.Added, tree.Same, tree.Changed} {
				diffLines(t, clitest.With(difference.Platforms[0], func(p *diffPlatform) { p.State = state }))
			}
			_ = t.Flush()
		},
		"mergedTable": func(out io.Writer) { mergedTable(out, clitest.Filled[merge.Result]()) },
	})
}
