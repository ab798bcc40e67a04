//go:build !race

package faultkit

// every is the part of the combinations that is tried: all.
const every = 1
