// Package lazyregexp has regular expressions that are compiled when they are first needed. Together they would take half a millisecond and
// half a megabyte of each start of the program.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns a function for the expression of a syntax that package regexp accepts. Its first call compiles the expression, and panics if
// the syntax is another.
func New(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
