package main

import (
	"testing"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

func TestNothingIsPrintedHereThatOthersChoose(t *testing.T) { clitest.CheckPrinters(t, nil) }
