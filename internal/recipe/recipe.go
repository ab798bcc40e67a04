// Package recipe knows what the steps of a Dockerfile's stage do: whether they give the same bytes when they run on another CPU than
// the one that they are for, and what they need for it. A compiler that makes programs for another CPU does; a step that asks the
// machine for its name, or runs what it has just built, does not. What is not known is never taken for safe, unless a person has
// named the recipe for the stage.
//
// It is pure: values in, values out. Nothing is run, fetched or looked at; what a base image has inside is asked for with
// [Recipe.Ask], and given with [Base].
//
//	r, _ := recipe.Find("go")
//	if ok, why := r.Screen(stage); !ok { … }            // cheap: the commands alone
//	read, exists := r.Ask(config, stage.Leaves)         // what must be known of the base image
//	stage.Base = recipe.Base{Native: …, Target: …}
//	edits, why := r.Judge(stage)                        // everything
//
// # How a stage is read
//
// A step's arguments are read as a shell would read them (mvdan.cc/sh), to simple commands in the order in which they run, with what
// is known there of variables, the working directory and where the output goes. Each command is looked up in tables: file handling
// and the like, package managers, and what the recipe says of its own tools. What the reader does not understand (functions, eval,
// a script from a file) is not known to be safe.
//
// Recipes are data ([All]); what only Go needs, its environment and the rules of cgo, is in the files golang*.go, behind an interface.
package recipe

import (
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/docker-multiarch/docker-multiarch/internal/graph"
	"github.com/docker-multiarch/docker-multiarch/platform"
)

// What the executables that leave a stage must be.
const (
	OutputTarget = "target" // for the platform that is built
	OutputNone   = "none"   // there must be none: what leaves is the same for every CPU
)

// Recipe says how stages of one kind are recognised and what is known of their commands. The zero Recipe recognises nothing.
type Recipe struct {
	Name   string
	About  string // one line for help and docs
	Auto   bool   // used without being named: its results are byte for byte what emulation gives
	Output string // OutputTarget or OutputNone

	marks marks    // what its base images have
	tools []string // the commands that are its own
	kind           // what else it knows
}

// Image is what a base image is on one platform. It can be written as JSON, and is what [Recipe.Ask] asked for.
type Image struct {
	Config ocispecs.ImageConfig
	Files  map[string]File // by the absolute path that was asked for; one that is missing here was not looked at
}

// File is what an image has at a path.
type File struct {
	Exists bool
	Data   []byte // the content, if it was to be read: of a regular file of at most 64 KiB
	Holds  bool   // it is something else than a directory, or such a thing is somewhere below it
}

// Base is the image that a stage begins with, on the builder's own platform and on the one that it is built for.
type Base struct {
	Native, Target *Image
	Reason         string // why one of them is nil: "has no image for linux/amd64"
}

// Stage is a chain of steps on one base image.
type Stage struct {
	Name           string
	Target, Native platform.Platform
	Steps          []graph.Step // in order, without the one that fetches the base image
	Leaves         []Leave      // what others take from it
	Brought        []string     // where its steps have put or mounted files of other images and stages: cleaned and absolute
	Base           Base         // not needed by [Recipe.Screen]
	Named          bool         // the user named the recipe for it: unknown commands are taken for safe
}

// Leave is a path that a step outside of the stage takes from it.
type Leave struct {
	Path string        // cleaned and absolute; it may have the wildcards of COPY
	Step digest.Digest // the step that takes it
	// Moved: that step is moved as well. It may take what is the builder's own, such as a cache, but nothing of the base image, which
	// others could then take from it.
	Moved bool
	Line  int // where that step was written; 0 if unknown
}

// Edit is what a step needs to do the same on the builder's own platform. Steps without one are moved as they are.
type Edit struct {
	Env   []string // KEY=value: replaces the KEY that there is, or is appended
	Unset []string // KEY: is taken away
	Args  []string // nil: as they are
}

// Reason is why a stage stays on the platform that it is built for. The zero Reason is none.
type Reason struct {
	// Check is a stable word for programs: command, arch, author, base, cgo, env, leaves-base, leaves-packages, nothing, attested …
	Check string
	// Message is half a sentence: "RUN make is not known to do the same for another CPU".
	Message string
	Fix     string // what to write to get the speed; "" if nothing helps
	File    string
	Line    int // from 1; 0 if unknown
}

// Diagnoses reports whether what a step has written before it failed says that a source is wrong: the step fails wherever it runs.
func (r Recipe) Diagnoses(output []byte) bool { return r.diagnoses != nil && r.diagnoses(output) }

// Screen tells whether a stage is worth a look at its base image: whether the recipe's tools do something in it, and no step of it is
// out of the question. It needs no Base, is cheap, and never says no where [Recipe.Judge] would say yes.
func (r Recipe) Screen(s Stage) (ok bool, why Reason) {
	screen := func(s Stage) (*exam, Reason) {
		e := r.exam(s, false)
		return e, e.first(e.language.port, e.steps, e.leaves)
	}
	e, why := screen(s)
	if why != (Reason{}) && !e.concerns() {
		why = e.nothing()
	}
	return why == Reason{}, r.advised(s, why, screen)
}

// Judge tells what the steps of a stage need to do the same on the builder's own platform. If it cannot be, there are no edits and why
// says so. Base must hold what [Recipe.Ask] asked for; what was not looked at is not known, and keeps the stage where it is.
func (r Recipe) Judge(s Stage) (edits map[digest.Digest]Edit, why Reason) {
	judge := func(s Stage) (*exam, Reason) {
		e := r.exam(s, true)
		return e, e.first(e.language.port, e.sameBase, e.look, e.steps, e.recognised, e.leaves)
	}
	e, why := judge(s)
	if why != (Reason{}) {
		return nil, r.advised(s, why, judge)
	}
	return e.edits, Reason{}
}
