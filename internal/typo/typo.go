// Package typo finds the word that was meant by one with a typing error.
package typo

import "strings"

// These are the costs of typing errors. Two swapped letters are the likelier mistake: amr64 was meant
// to be arm64 and not amd64, though the latter is one letter away as well.
const (
	costSwap   = 1
	costLetter = 2 // an additional letter, a missing one, or a wrong one
)

// longestGuess bounds the work on a text that is no word at all. It is more than twice the length of the
// longest known one.
const longestGuess = 64

// Nearest returns the index of the word that is nearest to text, in lower case. ok is false if none is
// near. The first wins a tie.
func Nearest(text string, words []string) (index int, ok bool) {
	text = strings.ToLower(text)
	if len(text) > longestGuess {
		return 0, false
	}
	// A third of the letters may be wrong, at least one: "x/y" is near nothing.
	limit := max(1, len(text)/3) * costLetter
	best := limit + 1
	for i, w := range words {
		if c := distance(text, w); c < best {
			index, best = i, c
		}
	}
	return index, best <= limit
}

// distance is the weighted edit distance, with two swapped neighbouring letters as one step (optimal
// string alignment).
func distance(a, b string) int {
	var before []int // the row before the previous one
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j * costLetter
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i * costLetter
		for j := 1; j <= len(b); j++ {
			same := prev[j-1]
			if a[i-1] != b[j-1] {
				same += costLetter
			}
			row[j] = min(same, prev[j]+costLetter, row[j-1]+costLetter)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+costSwap)
			}
		}
		before, prev = prev, row
	}
	return prev[len(b)]
}
