package question

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNoAnswerPrinterShowsHostileTextAsItIs(t *testing.T) {
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"printByPlatform": func(out io.Writer) {
			_ = printByPlatform(out, []answerGroup{{platforms: []string{clitest.Hostile}, text: `"x"`}}, Call{})
		},
	}, "printerOf", "renderLint", "Print")
}
