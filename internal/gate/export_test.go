package gate

import "strings"

// For tests from outside.
var (
	Scan        = scan
	Plain       = (*Listing).plain
	DecodePlain = decodePlain
)

// Follow is what a command starts in its turn: the words, and where.
func Follow(argv ...string) (words []string, dir string, known bool) {
	next, ok := follow(argv)
	return next.argv, next.dir, ok
}

// ScriptStarts is what a script certainly starts: the words, behind the folder if there is one.
func ScriptStarts(text string, args ...string) (all []string) {
	for _, s := range scriptStarts("#!/bin/sh\n"+text, "/entry.sh", args) {
		words := strings.Join(s.argv, " ")
		if s.dir != "" {
			words = s.dir + ": " + words
		}
		all = append(all, words)
	}
	return all
}
