// Package transfer is for results that cross from a node to this machine: it counts the bytes of blobs as they arrive ([Meter]), and reads a
// blob that is wanted again from where it has arrived ([Once]).
package transfer
