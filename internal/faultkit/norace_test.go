//go:build !race

package faultkit

// every is the part of the combinations that is tried: two thousand, which take a minute. -each 1 tries all.
const every = 3
