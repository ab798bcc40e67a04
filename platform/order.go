package platform

import (
	"cmp"
	"slices"
	"strings"
)

// Compare is the canonical order of platforms, described in the package comment:
// negative when a is before b, 0 when they are the same platform. It normalises
// both first, and is made for slices.SortFunc.
func Compare(a, b Platform) int {
	a, b = Normalize(a), Normalize(b)
	return cmp.Or(
		strings.Compare(a.OS, b.OS),
		compareNumbered(a.OSVersion, b.OSVersion),
		strings.Compare(a.Architecture, b.Architecture),
		compareNumbered(a.Variant, b.Variant),
		slices.Compare(a.OSFeatures, b.OSFeatures),
	)
}

// Equal reports whether a and b are the same platform after normalising.
func Equal(a, b Platform) bool { return Compare(a, b) == 0 }

// Contains reports whether one of ps is p, as [Equal] compares.
func Contains(ps []Platform, p Platform) bool {
	return slices.ContainsFunc(ps, func(q Platform) bool { return Equal(p, q) })
}

// compareNumbered compares texts in which runs of digits count as numbers. It is
// 0 for equal texts only: 01 and 1 differ, as the texts of v01 and v1 do.
func compareNumbered(a, b string) int {
	restA, restB := a, b
	for restA != "" && restB != "" {
		var runA, runB string
		runA, restA = nextRun(restA)
		runB, restB = nextRun(restB)
		if c := compareRuns(runA, runB); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(len(restA), len(restB)), strings.Compare(a, b))
}

func compareRuns(a, b string) int {
	if isDigit(a[0]) && isDigit(b[0]) {
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	}
	return strings.Compare(a, b)
}

// nextRun cuts off the longest prefix that is all digits or all non-digits.
func nextRun(s string) (run, rest string) {
	digits := isDigit(s[0])
	end := 1
	for end < len(s) && isDigit(s[end]) == digits {
		end++
	}
	return s[:end], s[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
