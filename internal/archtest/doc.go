// Package archtest limits the size of the program's packages, and checks their imports. Its tests fail when a package has too
// many files, or too many that depend on one another in a circle, and when the table of docs/design.md differs from the packages'
// imports. They also fail when a document has a dead link, a long paragraph or a wrong form.
// A library that names a flag or a command of ours fails as well: the command line adds them.
package archtest
