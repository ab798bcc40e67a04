// Package archtest holds the size of the program's packages, and which imports which. Its tests fail when a package has too many files, or
// too many that depend on one another in a circle, and when the table of docs/design.md is not what packages import.
package archtest
