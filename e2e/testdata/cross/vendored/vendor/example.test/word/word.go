// Package word has one.
package word

// Word is it.
const Word = "vendored"
