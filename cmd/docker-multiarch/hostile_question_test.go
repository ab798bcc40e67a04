package main

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/internal/solve"
)

func TestNoAnswerPrinterShowsHostileTextAsItIs(t *testing.T) {
	answers := []solve.Answer{{Values: map[string][]byte{"result.txt": []byte(clitest.Hostile), "version": []byte("9")}}}
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"printByPlatform": func(out io.Writer) {
			_ = printByPlatform(out, []answerGroup{{platforms: []string{clitest.Hostile}, text: `"x"`}}, call{})
		},
		"printAnswers": func(out io.Writer) {
			_ = printAnswers(out, call{question: "outline"}, answers[:0], func(solve.Answer) string { return clitest.Hostile })
		},
	}, "printerOf", "renderLint")
}
