//go:build !race

package manifest_test

// pairsOf is the part of the pairs of quirks that is tried: all.
const pairsOf = 1
