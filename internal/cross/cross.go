// Package cross relocates the steps of a build that would be emulated to the builder's own platform, where recipes know that they
// give the same bytes there. It is pure: it turns a definition into a definition and an explanation, and solves nothing.
//
// # What is relocated
//
// A chain is the step that fetches a base image and all steps whose file systems go on from it, up to a stage output: a step that others
// copy from or mount. The chain of an output is relocated under these conditions:
//
//   - Its base image is pinned, comes from a registry, and is for the target platform.
//   - Its stage has no FROM --platform.
//   - A recipe judges that its steps do the same on the builder's own platform, and that they made what others copy from the output.
//
// The chain that ends as the result is never relocated. A step that belongs to both kinds of chain then exists twice, once for
// each platform.
//
// The paths that may be copied from an output depend on the other relocated chains, since relocated steps may take more. So all outputs
// begin as relocated, those that recipes refuse are dropped, and the rest is judged again until nothing is dropped.
//
// # How a step changes
//
// A relocated step has the builder's platform in its operation, and the digests of the relocated steps before it. A step that
// compiles also has the environment of the recipe. Everything else, and every other step, keeps its bytes. So a relocated step
// without an edit has the same digest for every target, which is also its digest for the builder's own platform.
//
//	wants := cross.RequiredBases(b) // base images to inspect
//	b.Bases = …                     // the findings
//	relocated, err := cross.Relocate(b)
//	if relocated.Definition != nil { solve it instead of b.Definition }
package cross

import (
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/diag"
	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Build is one platform's build, as its frontend made it.
type Build struct {
	Definition *llb.Definition
	Graph      graph.Graph // the result of [graph.Read] for Definition
	// Target is the platform that is built. Native is the builder's own.
	Target, Native platform.Platform
	// Emulated reports whether programs for a platform would be emulated.
	Emulated func(platform.Platform) bool
	Choice   Choice
	// Isolated means that the IDs of cache mounts begin with Target and a slash, so that each platform has its own.
	Isolated bool
	// Bases has the inspected base images by [graph.ImageRef].Name. An image that is missing was not inspected.
	Bases map[string]recipe.Base
	// Digests has the digests that the names of Bases resolved to at the inspection. An image with another digest is unknown. A
	// name that is missing stands for any digest.
	Digests map[string][]digest.Digest
}

// BaseRequest is a base image that must be inspected before its chains can be judged.
type BaseRequest struct {
	Image   graph.ImageRef      // for the target platform
	Recipes []recipe.Recipe     // those that may accept the image
	Copied  []recipe.CopiedPath // every path that others may copy from its chains
}

// Relocated is the decision about a build. It shares memory with the Build's definition, which is not written to, and does not
// change. A definition that is read again gets the same decision from [Relocated.Again].
type Relocated struct {
	Definition *llb.Definition // nil: nothing was relocated
	Graph      graph.Graph     // the graph of Definition, or of the build if nothing was relocated
	Steps      []Step          // the relocated ones, each after its inputs
	Stages     []Stage         // a verdict for each chain that would be emulated, in the order of the old definition
	Outputs    []Output        // where other steps copy from relocated ones, in the order of Steps
	From       Build           // the build that was judged
}

// NotRelocated is the decision that relocates nothing.
func NotRelocated(g graph.Graph) Relocated { return Relocated{Graph: g} }

// Step is a step that runs on the builder's own platform instead of the target's.
type Step struct {
	Digest   digest.Digest // in the new definition
	Original digest.Digest // in the old definition, which may still have it
	Recipe   string
	Edited   bool // the recipe changed it; steps without an edit are the same for every target
}

// Stage is the decision about a chain of steps that would be emulated.
type Stage struct {
	Name      string // the Dockerfile's stage that the chain ends in; "" if it has no name
	File      string // where the stage begins, if known
	Line      int
	Recipe    string // the one that relocated it or was asked first; "" if there is none for it
	Relocated bool
	Why       recipe.Refusal // why it was not relocated; Check is "result" if it ends as the image's own file system
	// Trusted is a command that is taken on trust, because the user named the recipe that relocates the stage. If it does something
	// else on another CPU, the fallback builds the platform a second time.
	Trusted diag.Diagnostic
	Steps   []digest.Digest
}

// Output is a relocated step that others copy files from.
type Output struct {
	Digest     digest.Digest       // in the new definition
	Definition *llb.Definition     // ends in the output
	Copied     []recipe.CopiedPath // the paths that steps which are not relocated take
	Recipe     recipe.Recipe
}
