// Package smoke runs finished images on an engine, before they get a name, and compares what they do with what was expected.
//
// A [Test] is a program of the image, as `docker run` starts it, with limits: of time, memory and processes, and without a
// network unless it asks for one. Its [Outcome] says whether it did what was wanted.
package smoke
