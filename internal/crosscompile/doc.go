// Package crosscompile has the steps of a build that would be emulated run on the node's own platform, where package cross knows that they give
// the same bytes there.
//
// [Decider.Decide] decides once, at the barrier, for all platforms: it has base images looked at, and gives a [cross.Moved] for each platform,
// which nothing changes afterwards. Each solve of the platform applies it to what its frontend gave, with [Apply]. When the steps have run,
// what others take from moved stages is compared with what their recipes promise: by [Check] in the solve, or by [CheckImage] with what the
// gate has found in the finished image. [Failed.Fallback] says whether a failure is a reason to build the platform again as its frontend wrote it.
package crosscompile
