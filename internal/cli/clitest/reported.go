package clitest

import (
	"os"
	"regexp"
)

// ThreePlatforms is a list of three platforms.
const ThreePlatforms = "linux/amd64,linux/arm64,linux/arm/v7"

// Reported returns the report in the file, without the parts that differ from run to run.
func Reported(s *Harness, name string) string {
	s.T.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		s.T.Fatalf("%v\n%s", err, s.Err.String())
	}
	return regexp.MustCompile(`\d+\.\ds\b`).ReplaceAllString(s.Normal(string(data)), "TIME")
}
