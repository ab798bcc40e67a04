// Package crosscompile relocates steps of a build from an emulated platform to the node's own platform, where package cross knows that they
// give the same bytes there.
//
// [Decider.Decide] decides once, at the barrier, for all platforms: it examines base images, and returns a [cross.Relocated] for each platform,
// which does not change afterwards. Each solve of the platform applies it to the frontend's result, with [Apply]. When the steps have run,
// the stage outputs are compared with the promises of their recipes: by [Check] in the solve, or by [CheckImage] with the gate's findings
// in the finished image. [Failed.Fallback] decides whether a failure is a reason to build the platform again as its frontend wrote it.
package crosscompile
