package platform

import "strings"

// These are the costs of typing errors. Two swapped letters are the likelier mistake: amr64 was meant
// to be arm64 and not amd64, though the latter is one letter away as well.
const (
	costSwap   = 1
	costLetter = 2 // an additional letter, a missing one, or a wrong one
)

// longestGuess bounds the work on a text that is not a platform at all. It is more
// than twice the longest known name.
const longestGuess = 64

// nearest returns the known platform that is nearest to text, or "" if none is near. The first in the
// canonical order wins a tie.
func nearest(text string) string {
	text = strings.ToLower(text)
	if len(text) > longestGuess {
		return ""
	}
	// A third of the letters may be wrong, at least one: "x/y" is near nothing.
	limit := max(1, len(text)/3) * costLetter
	best, bestCost := "", limit+1
	consider := func(written, name string) {
		if c := distance(text, written); c < bestCost {
			best, bestCost = name, c
		}
	}
	for _, name := range Known() {
		consider(name, name)
		if bare, ok := strings.CutPrefix(name, defaultOS+"/"); ok {
			consider(bare, name)
		}
	}
	for _, word := range []string{"x86_64", "aarch64", "i386", "armhf"} {
		s, _ := findSpelling(word)
		name := Format(Platform{OS: defaultOS, Architecture: s.arch, Variant: s.variant})
		consider(word, name)
		consider(defaultOS+"/"+word, name)
	}
	return best
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
