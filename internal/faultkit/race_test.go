//go:build race

package faultkit

// every is the part of the combinations that is tried: some, as the race detector makes them ten times slower.
const every = 61
