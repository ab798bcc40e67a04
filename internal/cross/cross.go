// Package cross moves the steps of a build that would be emulated to the builder's own platform, where recipes know that they give the
// same bytes there. It is pure: a definition in, a definition and its explanation out; nothing is solved.
//
// # What is moved
//
// A chain is the step that fetches a base image and all steps whose file systems go on from it, up to a tip: a step that others copy
// from or mount. The chain of a tip is moved if its base image is a pinned one of a registry and for the platform that is built,
// nobody wrote FROM --platform for it, and a recipe judges that its steps do the same on the builder's own platform and that what others
// take from the tip was made by them. The chain that ends as the result is never moved; steps that belong to both are then there twice,
// once for each platform.
//
// What may be taken from a tip depends on who else is moved, since steps that are moved may take more. So all tips begin as moved, those
// that recipes refuse are dropped, and what is left is judged again until nothing is dropped.
//
// # What becomes of a step
//
// A moved step has the builder's platform in its operation and the digests of the moved steps before it; a step that compiles also
// has the environment that the recipe says. Everything else, and every other step, keeps its bytes. So a moved step that needs no
// edit has the same digest whichever platform it is built for, and the one that the builder's own platform has for it.
//
//	wants := cross.Wanted(b)        // base images that have to be looked at
//	b.Bases = …                     // what was seen
//	moved, err := cross.Move(b)
//	if moved.Definition != nil { solve it instead of b.Definition }
package cross

import (
	"github.com/moby/buildkit/client/llb"
	"github.com/opencontainers/go-digest"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/internal/recipe"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// Build is one platform's build, as its frontend made it.
type Build struct {
	Definition *llb.Definition
	Graph      graph.Graph // what [graph.Read] makes of Definition
	// Target is the platform that is built, Native the builder's own.
	Target, Native platform.Platform
	// Emulated tells whether programs for a platform would be emulated.
	Emulated func(platform.Platform) bool
	Choice   Choice
	// Isolated: the IDs of cache mounts begin with Target and a slash, so that each platform has its own.
	Isolated bool
	// Bases is what was seen of base images, by [graph.ImageRef].Name. One that is missing was not looked at.
	Bases map[string]recipe.Base
	// Digests are those that the names of Bases stood for when the images were looked at. An image with another digest is not known. One that
	// is missing stands for whatever it names.
	Digests map[string][]digest.Digest
}

// Want is a base image that has to be looked at before its chains can be judged.
type Want struct {
	Image   graph.ImageRef  // its Platform is the one that is built
	Recipes []recipe.Recipe // those that may take the image
	Leaves  []recipe.Leave  // all that others may take from its chains
}

// Moved is what was decided about a build. It shares memory with the Build's definition, which is not written to. Nothing in it changes: a
// definition that is read again gets the same decision by [Moved.Again].
type Moved struct {
	Definition *llb.Definition // nil: nothing was moved
	Graph      graph.Graph     // what Definition is; where nothing was moved, what was asked about
	Steps      []Step          // those that were moved, each after its inputs
	Stages     []Stage         // a verdict for each chain of steps that would be emulated, in the order of the old definition
	Tips       []Tip           // where others take from what was moved, in the order of Steps
	From       Build           // what was asked about
}

// Unmoved is the decision that every step stays where it is.
func Unmoved(g graph.Graph) Moved { return Moved{Graph: g} }

// Step is one that runs on the builder's own platform instead of the target's.
type Step struct {
	Digest digest.Digest // in the new definition
	Was    digest.Digest // in the old one, where it may be left as well
	Recipe string
	Edited bool // the recipe changed it; steps without an edit are the same for every target
}

// Stage is what was decided for a chain of steps that would be emulated.
type Stage struct {
	Name   string // the Dockerfile's stage that the chain ends in; "" if it has no name
	File   string // where that stage begins, as far as known
	Line   int
	Recipe string // which moved it, or was asked first; "" if there is none for it
	Moved  bool
	Why    recipe.Reason // why it was not moved; Check is "result" where it ends as the image's own file system
	// Trusted is what a moved stage has that was only moved because the user named its recipe, and that may have the platform built twice.
	Trusted recipe.Reason
	Steps   []digest.Digest
}

// Tip is a moved step that others take files from.
type Tip struct {
	Digest     digest.Digest   // in the new definition
	Definition *llb.Definition // ends in the tip
	Leaves     []recipe.Leave  // what steps that are not moved take
	Recipe     recipe.Recipe
}
