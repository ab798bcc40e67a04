package main

import (
	"os"
	"regexp"

	"github.com/docker-multiarch/docker-multiarch/internal/cli/clitest"
)

// three are three platforms.
const three = "linux/amd64,linux/arm64,linux/arm/v7"

// reported is a report as it is in the file, without what differs from run to run.
func reported(s *clitest.Stage, name string) string {
	s.T.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		s.T.Fatalf("%v\n%s", err, s.Err.String())
	}
	return regexp.MustCompile(`\d+\.\ds\b`).ReplaceAllString(s.Normal(string(data)), "TIME")
}
