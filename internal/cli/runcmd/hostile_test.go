package runcmd

import (
	"io"
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

func TestNoRunPrinterShowsHostileTextAsItIs(t *testing.T) {
	clitest.CheckPrinters(t, map[string]func(io.Writer){
		"runTable": func(out io.Writer) {
			runTable(out, []runResult{{platform: platform.Platform{OS: clitest.Hostile}, words: clitest.Hostile}})
		},
	}, "stream")
}
