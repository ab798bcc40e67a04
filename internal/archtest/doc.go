// Package archtest holds the size of the program's packages: its test fails when one has too many files, or too many files that depend on one another in a circle.
// Which package may import which is held by the linter (depguard, .golangci.yml).
package archtest
