//go:build race

package manifest_test

// pairsOf is the part of the pairs of quirks that is tried: a fifth, as the race detector makes them ten times slower.
const pairsOf = 5
