// Package smoke runs finished images, on an engine or in another place, before they get a name, and compares the results with the expected
// ones.
//
// A [Test] is a program of the image, as `docker run` starts it, with limits on time, memory and processes, and without a network
// unless it asks for one. Its [Outcome] has whether it passed.
package smoke
